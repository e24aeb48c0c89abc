/// A listener that long work calls between two of its parts, with the parts done and to do; it ends the
/// work by throwing.
///
/// One type for progress and cancellation, because both are wanted at the same points: where the work's
/// state is whole.
package struct ProgressHandler {
  private let handle: (Int, Int, String) throws(Failure) -> Void

  package init(
    _ handle: @escaping (_ done: Int, _ total: Int, _ note: String) throws(Failure) -> Void
  ) {
    self.handle = handle
  }

  /// A handler that shows nothing and ends the work where `check` throws.
  package init(stop check: @escaping () throws(Failure) -> Void) {
    handle = { (_, _, _) throws(Failure) in try check() }
  }

  /// A handler that shows nothing and never ends the work.
  package static var none: ProgressHandler { ProgressHandler { _, _, _ in } }

  /// - Parameters:
  ///   - done: parts done, from 0 on.
  ///   - note: a few words on what is being done, or how well it goes.
  /// - Throws: what ends the work.
  package func report(_ done: Int, of total: Int, _ note: String = "") throws(Failure) {
    try handle(done, total, note)
  }

  /// A handler for piece `index` of `count` pieces of work, each as long as the others: reports progress
  /// over all of them, with `note` in the place of the piece's own.
  package func piece(_ index: Int, of count: Int, _ note: String) -> ProgressHandler {
    ProgressHandler { [self] (done, total, _) throws(Failure) in
      // A piece's beginning is the end of the one before.
      if done == 0, index > 0 { return }
      try report(index * total + done, of: count * total, note)
    }
  }
}
