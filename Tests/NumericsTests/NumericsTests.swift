import Numerics
import Testing

/// All suites of this target, one test at a time: some change the number of threads or the kernels'
/// level, which are process-wide.
@Suite(.serialized) struct NumericsTests {}

/// Sizes around every vector width and block.
let oddSizes = [1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 64, 65, 127]

/// Values drawn anew in every run; the seed that a failure prints brings them back.
struct RandomValues {
  let seed: UInt64
  private var generator: SeededGenerator

  init(seed: UInt64 = .random(in: 0...UInt64.max)) {
    self.seed = seed
    generator = SeededGenerator(seed: seed)
  }

  var note: Comment { "seed \(seed)" }

  mutating func floats(_ count: Int, scale: Double = 1) -> [Float] {
    (0..<count).map { _ in Float(generator.normal() * scale) }
  }

  mutating func tensor(_ shape: [Int], scale: Double = 1) -> Tensor {
    Tensor(shape, floats(shape.reduce(1, *), scale: scale))
  }

  mutating func below(_ bound: Int) -> Int { generator.below(bound) }
  /// 0 ..< count in random order.
  mutating func order(_ count: Int) -> [Int] { generator.shuffled(Array(0..<count)) }
}

/// |a − b| ≤ absolute + relative·|b| for every pair, b being the plain form's result.
func expectClose(
  _ a: some Collection<Float>, _ b: some Collection<Double>, absolute: Double = 1e-6,
  relative: Double = 1e-5, _ note: Comment, _ location: SourceLocation = #_sourceLocation
) {
  expectClose(a, b, bounds: b.map { absolute + relative * abs($0) }, note, location)
}

/// |a − b| ≤ its bound for every pair, b being the plain form's result.
func expectClose(
  _ a: some Collection<Float>, _ b: some Collection<Double>, bounds: [Double], _ note: Comment,
  _ location: SourceLocation = #_sourceLocation
) {
  #expect(a.count == b.count && b.count == bounds.count, note, sourceLocation: location)
  for (i, ((x, y), bound)) in zip(zip(a, b), bounds).enumerated() {
    // Written so that a NaN on either side fails.
    if !(abs(Double(x) - y) <= bound) {
      Issue.record(
        "value \(i): \(x), expected \(y) within \(bound); \(note)", sourceLocation: location)
      return
    }
  }
}

func expectClose(
  _ a: [Float], _ b: [Float], absolute: Double = 1e-6, relative: Double = 1e-5, _ note: Comment,
  _ location: SourceLocation = #_sourceLocation
) {
  expectClose(
    a, b.map { Double($0) }, absolute: absolute, relative: relative, note, location)
}

/// The same values to the bit, whatever the number of threads.
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

/// Runs `body` once with every level of kernels that this processor has.
func atEveryLevel(_ body: (KernelLevel) throws -> Void) rethrows {
  defer { KernelLevel.limit(to: .highest) }
  for level in KernelLevel.allCases where level <= .highest {
    KernelLevel.limit(to: level)
    try body(level)
  }
}

/// Runs `body` with random values at every odd size and every level.
func forEachSize(_ body: (Int, inout RandomValues, Comment) -> Void) {
  atEveryLevel { level in
    for n in oddSizes {
      var random = RandomValues()
      let note: Comment = "n \(n), \(level), seed \(random.seed)"
      body(n, &random, note)
    }
  }
}
