import Foundation

/// The random number generator of one test, independent of what other tests draw.
///
/// Its seed is derived from the base seed, the test's file and function, and a label for functions
/// that need several streams. The base seed is fixed, so that every run of the suite is the same;
/// `CTPACK_TEST_SEED=<number>` sets another, and `CTPACK_TEST_SEED=random` draws one per run. Every
/// failure message of a random test contains `note`, which reproduces its numbers.
package struct TestRandom: RandomNumberGenerator, Sendable {
  /// The environment variable that sets the base seed.
  package static let variable = "CTPACK_TEST_SEED"

  /// The base seed of all streams in this process.
  package static let base: UInt64 = {
    guard let text = ProcessInfo.processInfo.environment[variable] else { return 20_260 }
    if text == "random" {
      let seed = UInt64.random(in: 0...UInt64.max)
      // Printed once per run, for failures without a message (a crash, a time limit).
      print("\(variable)=\(seed)")
      return seed
    }
    guard let seed = UInt64(text) else {
      fatalError("\(variable)=\(text): give a number from 0 to 2^64 - 1, or `random`")
    }
    return seed
  }()

  /// `CTPACK_TEST_SEED=…` of this run, to be put before the command that repeats it.
  package static let note = "\(variable)=\(base)"

  package var note: String { Self.note }

  private var state: UInt64

  /// - Parameter label: Distinguishes several streams of one function, such as its arguments.
  package init(_ label: String = "", file: String = #fileID, function: String = #function) {
    // FNV-1a (Fowler, Noll, Vo) is the same in every process, unlike `Hasher`.
    state = "\(file) \(function) \(label)".utf8.reduce(0xCBF2_9CE4_8422_2325) {
      ($0 ^ UInt64($1)) &* 0x0100_0000_01B3
    }
    state = next() ^ Self.base
    state = next()
  }

  /// Creates the generator of a fixture, whose data doesn't depend on the base seed.
  package init(fixture seed: UInt64) { state = seed }

  /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// Draws an integer in 0 ..< bound, uniform up to a bias of less than bound / 2⁶⁴.
  package mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Draws a uniformly distributed number in 0 ..< 1, a multiple of 2⁻⁵³.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Draws a normally distributed number with mean 0 and standard deviation 1, and a magnitude of
  /// at most 8.6 (Box and Muller).
  package mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// Draws `count` normally distributed values with mean 0 and standard deviation `scale`.
  package mutating func floats(_ count: Int, scale: Double = 1) -> [Float] {
    (0..<count).map { _ in Float(normal() * scale) }
  }

  /// Draws `count` uniformly distributed bytes.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Returns the items in random order (Fisher and Yates).
  package mutating func shuffled<T>(_ items: [T]) -> [T] {
    var result = items
    for i in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(i, below(i + 1)) }
    return result
  }
}
