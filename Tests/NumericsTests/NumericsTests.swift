import Bytes
import Numerics
import TestSupport
import Testing

/// The parent of all suites in this target. It runs one test at a time, because some change the
/// number of threads or the kernels' level, which are process-wide.
@Suite(.serialized) struct NumericsTests {}

/// Sizes around every vector width and block.
let oddSizes = [1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 64, 65, 127]

extension TestRandom {
  /// Draws a tensor of normally distributed values with standard deviation `scale`.
  mutating func tensor(_ shape: [Int], scale: Double = 1) -> Tensor {
    Tensor(shape, floats(shape.reduce(1, *), scale: scale))
  }

  /// Returns 0 ..< count in random order.
  mutating func order(_ count: Int) -> [Int] { shuffled(Array(0..<count)) }
}

/// Returns values as exact inputs of a computation.
func exact(_ values: some Collection<Float>) -> [Bounded] { values.map { Bounded($0) } }

/// Expects every computed value to be within its bound.
func expectClose(
  _ computed: some Collection<Float>, _ expected: some Collection<Bounded>, _ note: Comment,
  _ location: SourceLocation = #_sourceLocation
) {
  #expect(computed.count == expected.count, note, sourceLocation: location)
  for (i, (x, y)) in zip(computed, expected).enumerated() {
    // Negated, so that a NaN on either side fails.
    if !(abs(Double(x) - y.value) <= y.error) {
      Issue.record(
        "value \(i): \(x), expected \(y.value) within \(y.error); \(note)",
        sourceLocation: location)
      return
    }
  }
}

/// Expects bitwise equal results for every number of threads.
func expectSameForAllThreadCounts(
  _ note: Comment, _ location: SourceLocation = #_sourceLocation, _ compute: () -> [Float]
) {
  let before = Parallel.threads
  defer { Parallel.threads = before }
  Parallel.threads = 1
  let alone = compute().map(\.bitPattern)
  for threads in [2, 3, 8] {
    Parallel.threads = threads
    #expect(
      compute().map(\.bitPattern) == alone, "\(threads) threads; \(note)",
      sourceLocation: location)
  }
}

/// Runs `body` at every kernel level that this processor supports.
func atEveryLevel(_ body: (KernelLevel) throws -> Void) rethrows {
  defer { KernelLevel.limit(to: .highest) }
  for level in KernelLevel.allCases where level <= .highest {
    KernelLevel.limit(to: level)
    try body(level)
  }
}

/// Runs `body` with random values for every size in `oddSizes` at every kernel level.
func forEachSize(
  file: String = #fileID, function: String = #function,
  _ body: (Int, inout TestRandom, Comment) -> Void
) {
  atEveryLevel { level in
    for n in oddSizes {
      var random = TestRandom("\(n) \(level)", file: file, function: function)
      body(n, &random, "n \(n), \(level), \(random.note)")
    }
  }
}
