import Glibc

/// A xoshiro256** pseudorandom generator (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", 2018), seeded through splitmix64. Its state can be saved and restored, so that an
/// interrupted run draws the same numbers as an uninterrupted one.
package struct SeededGenerator: RandomNumberGenerator, Sendable, Codable, Equatable {
  private var state: [UInt64]

  /// Expands `seed` to the 256-bit state.
  package init(seed: UInt64) {
    var x = seed
    state = (0..<4).map { _ in
      x &+= 0x9E37_79B9_7F4A_7C15
      var z = x
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Restores a generator from its saved state `words`; nil unless they are four, not all zero.
  package init?(words: [UInt64]) {
    guard words.count == 4, words.contains(where: { $0 != 0 }) else { return nil }
    state = words
  }

  /// The state as four words.
  package var words: [UInt64] { state }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let restored = SeededGenerator(words: try container.decode([UInt64].self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "the generator's state must be four words, not all zero")
    }
    self = restored
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(state)
  }

  package mutating func next() -> UInt64 {
    func rotated(_ x: UInt64, _ k: UInt64) -> UInt64 { x << k | x >> (64 - k) }
    let result = rotated(state[1] &* 5, 7) &* 9
    let t = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = rotated(state[3], 45)
    return result
  }

  /// Draws a uniformly distributed number in 0 ..< 1, a multiple of 2⁻⁵³.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Draws a uniformly distributed integer in 0 ..< bound (Lemire's multiplication with rejection).
  package mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    let n = UInt64(bound)
    var product = next().multipliedFullWidth(by: n)
    if product.low < n {
      let threshold = (0 &- n) % n
      while product.low < threshold { product = next().multipliedFullWidth(by: n) }
    }
    return Int(product.high)
  }

  /// Draws a normally distributed number with mean 0 and standard deviation 1 (Box and Muller). The
  /// second number of each pair is discarded, so `words` is the whole state.
  package mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// Returns the items in random order (Fisher and Yates). The standard library's
  /// `shuffled(using:)` doesn't guarantee the same order in every release.
  package mutating func shuffled<T>(_ items: [T]) -> [T] {
    var result = items
    for i in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(i, below(i + 1)) }
    return result
  }
}
