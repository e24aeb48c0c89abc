import Foundation

/// The random numbers of one test: a stream of its own, which no other test's draws can shift.
///
/// A stream follows from the base seed, from the test's file and function, and from a label where a
/// function needs several. The base seed is fixed, so that a run of the suite is the same run
/// everywhere; `CTPACK_TEST_SEED=<number>` sets another, `CTPACK_TEST_SEED=random` draws one per
/// run. Every failure message of a random test contains `note`, which brings its numbers back.
package struct TestRandom: RandomNumberGenerator, Sendable {
  package static let variable = "CTPACK_TEST_SEED"

  /// The seed from which all streams of this process follow.
  package static let base: UInt64 = {
    guard let text = ProcessInfo.processInfo.environment[variable] else { return 20_260 }
    if text == "random" {
      let seed = UInt64.random(in: 0...UInt64.max)
      // Once per run, for failures that say nothing of their own (a crash, a time limit).
      print("\(variable)=\(seed)")
      return seed
    }
    guard let seed = UInt64(text) else {
      fatalError("\(variable)=\(text): give a number from 0 to 2^64 - 1, or `random`")
    }
    return seed
  }()

  /// `CTPACK_TEST_SEED=…` of this run, to be pasted before the command that repeats it.
  package static let note = "\(variable)=\(base)"

  package var note: String { Self.note }

  private var state: UInt64

  /// - Parameter label: tells several streams of one function apart: its arguments, a round.
  package init(_ label: String = "", file: String = #fileID, function: String = #function) {
    // FNV-1a (Fowler, Noll, Vo): the same in every process, unlike `Hasher`.
    state = "\(file) \(function) \(label)".utf8.reduce(0xCBF2_9CE4_8422_2325) {
      ($0 ^ UInt64($1)) &* 0x0100_0000_01B3
    }
    state = next() ^ Self.base
    state = next()
  }

  /// The numbers of a fixture: data that belongs to a test and is the same under every base seed.
  package init(fixture seed: UInt64) { state = seed }

  /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// An integer in 0 ..< bound; uneven by less than bound / 2⁶⁴.
  package mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Evenly spread over 0 ..< 1, in steps of 2⁻⁵³.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Normally distributed with mean 0 and deviation 1, and at most 8.6 in size (Box and Muller).
  package mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// `count` normal values of deviation `scale`.
  package mutating func floats(_ count: Int, scale: Double = 1) -> [Float] {
    (0..<count).map { _ in Float(normal() * scale) }
  }

  /// `count` bytes, every one equally likely.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// The items in random order (Fisher and Yates).
  package mutating func shuffled<T>(_ items: [T]) -> [T] {
    var result = items
    for i in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(i, below(i + 1)) }
    return result
  }
}
