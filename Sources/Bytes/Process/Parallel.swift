import CThreads
import Synchronization

/// Parallel loops over independent pieces of work. The caller chooses the pieces independently of
/// the number of threads, so that results don't depend on it either.
package enum Parallel {
  private static let chosen = Atomic<Int>(0)
  /// The number of processors that this process may use, as found when it is first asked for.
  package static let processors = processors(in: ControlGroup(of: .processor))

  /// The number of processors that this process may use: those it may run on, but no more than the
  /// processor time of its control group, rounded up, fills. More threads would be stopped for a part
  /// of every period, in the middle of a loop.
  package static func processors(in group: ControlGroup?) -> Int {
    let count = max(1, Int(ctk_processor_count()))
    guard let limit = group?.processorLimit else { return count }
    return max(1, Int(min(Double(count), limit.rounded(.up))))
  }

  /// The number of threads that loops use in the whole process, 1 … 255. The default is the number
  /// of processors that this process may use. Where other programs run on the same processors, a loop
  /// on all of them may get one thread more (see `ctk_parallel`).
  package static var threads: Int {
    get {
      let value = chosen.load(ordering: .relaxed)
      return value > 0 ? value : processors
    }
    set { chosen.store(allowed(newValue), ordering: .relaxed) }
  }

  /// The number of threads nearest to `count` that can be set, 1…255.
  package static func allowed(_ count: Int) -> Int { max(1, min(count, 255)) }

  /// Calls `body` once for each index in 0 ..< n and returns when all calls are done. A nested loop
  /// runs on the thread that starts it.
  package static func forEach(_ n: Int, _ body: @Sendable (Int) -> Void) {
    if n <= 1 || threads == 1 {
      for i in 0..<max(n, 0) { body(i) }
      return
    }
    typealias Body = @Sendable (Int) -> Void
    // `withoutActuallyEscaping` puts the length of the file's full path into the program, whatever
    // -file-prefix-map says: without a fixed name, the bytes would depend on the build's folder.
    #sourceLocation(file:"ParallelLoop.swift",line:1)
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
    #sourceLocation()
  }

  /// Cuts 0 ..< count into ranges of `grain` indices (the last may be shorter) and calls `body` for
  /// each.
  package static func ranges(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    let pieces = (count + grain - 1) / grain
    forEach(pieces) { i in body(i * grain..<min(count, (i + 1) * grain)) }
  }
}
