import CThreads
import Synchronization

/// Loops over independent pieces of work. Pieces are cut by the caller in a way that doesn't depend
/// on the number of threads, so results don't either.
package enum Parallel {
  private static let chosen = Atomic<Int>(0)
  private static let processors = max(1, Int(ctk_processor_count()))

  /// The number of threads that loops use, in the whole process; at least 1. Starts out as the
  /// number of processors this process may use.
  package static var threads: Int {
    get {
      let value = chosen.load(ordering: .relaxed)
      return value > 0 ? value : processors
    }
    set { chosen.store(allowed(newValue), ordering: .relaxed) }
  }

  /// The number of threads nearest to `count` that can be set, 1…255.
  package static func allowed(_ count: Int) -> Int { max(1, min(count, 255)) }

  /// Calls `body` once for each index below `n`, each on one thread, and returns when all are done.
  /// A loop inside a loop runs on the thread that starts it.
  package static func forEach(_ n: Int, _ body: @Sendable (Int) -> Void) {
    if n <= 1 || threads == 1 {
      for i in 0..<max(n, 0) { body(i) }
      return
    }
    typealias Body = @Sendable (Int) -> Void
    withoutActuallyEscaping(body) { body in
      unsafe withUnsafePointer(to: body) { pointer in
        unsafe ctk_parallel(
          Int32(threads), n,
          { context, index in
            guard let context = unsafe context else { return }
            unsafe context.assumingMemoryBound(to: Body.self).pointee(index)
          }, UnsafeMutableRawPointer(mutating: pointer))
      }
    }
  }

  /// Cuts `0..<count` into runs of `grain` (the last may be shorter) and calls `body` for each.
  package static func ranges(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    let pieces = (count + grain - 1) / grain
    forEach(pieces) { i in body(i * grain..<min(count, (i + 1) * grain)) }
  }
}
