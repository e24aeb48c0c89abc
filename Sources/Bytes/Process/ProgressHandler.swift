/// A callback of long-running work, called between its parts with the number done and the total; it
/// cancels the work by throwing.
///
/// Progress and cancellation share one type because both happen at the same points: where the
/// work's state is consistent.
package struct ProgressHandler {
  private let handle: (Int, Int, String) throws(Failure) -> Void

  /// Makes a handler that calls `handle`.
  package init(
    _ handle: @escaping (_ done: Int, _ total: Int, _ note: String) throws(Failure) -> Void
  ) {
    self.handle = handle
  }

  /// Makes a handler that reports nothing and cancels the work when `check` throws.
  package init(stop check: @escaping () throws(Failure) -> Void) {
    handle = { (_, _, _) throws(Failure) in try check() }
  }

  /// A handler that reports nothing and never cancels.
  package static var none: ProgressHandler { ProgressHandler { _, _, _ in } }

  /// Reports progress and lets the handler cancel the work.
  ///
  /// - Parameters:
  ///   - done: the number of parts done, from 0.
  ///   - total: the number of all parts.
  ///   - note: a few words on the current part or its results.
  /// - Throws: the handler's error, which the work must pass on.
  package func report(_ done: Int, of total: Int, _ note: String = "") throws(Failure) {
    try handle(done, total, note)
  }

  /// Returns a handler for piece `index` of `count` equally long pieces of work. It reports
  /// progress over all pieces, with `note` instead of the piece's own.
  package func piece(_ index: Int, of count: Int, _ note: String) -> ProgressHandler {
    ProgressHandler { [self] (done, total, _) throws(Failure) in
      // The start of a piece was already reported as the end of the previous one.
      if done == 0, index > 0 { return }
      try report(index * total + done, of: count * total, note)
    }
  }
}
