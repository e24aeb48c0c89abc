import Bytes
import Foundation
import Numerics

/// Settings for sampling the next token from its logits.
package struct SamplingSettings: Sendable, Equatable {
  /// Divisor of the logits; 0 always takes the most likely token.
  package var temperature = 0.0
  /// Only the k most likely tokens are eligible; 0 for all.
  package var topK = 0
  /// Only the most likely tokens that together reach this probability are eligible (at least one);
  /// 1 for all (Holtzman et al., arXiv 1904.09751).
  package var topP = 1.0
  /// Seed of the random numbers.
  package var seed: UInt64 = 0

  package init() {}

  /// Checks the settings' ranges.
  /// - Throws: `usage` if a value is out of range.
  package func check() throws(Failure) {
    guard temperature.isFinite, temperature >= 0 else {
      throw Failure(.usage, "the temperature is \(temperature)", advice: "use 0 or more")
    }
    guard topK >= 0 else { throw Failure(.usage, "top-k is \(topK)", advice: "use 0 or more") }
    guard topP > 0, topP <= 1 else {
      throw Failure(.usage, "top-p is \(topP)", advice: "use more than 0 and at most 1")
    }
  }
}

/// A sampler of tokens; the same seed and the same logits give the same tokens.
package struct Sampler: Sendable {
  package let settings: SamplingSettings
  private var random: SeededGenerator

  package init(_ settings: SamplingSettings = SamplingSettings()) throws(Failure) {
    try settings.check()
    self.settings = settings
    random = SeededGenerator(seed: settings.seed)
  }

  /// Draws the next token from `logits` [V].
  /// - Throws: `invalidData` if there are none, or one isn't finite: no token is the most likely one
  ///   then.
  package mutating func next(_ logits: [Float]) throws(Failure) -> Int32 {
    guard settings.temperature > 0 else { return try Self.mostLikely(logits) }
    try Self.check(logits)
    let eligible = shares(logits)
    var left = random.uniform()
    for (token, share) in eligible {
      left -= share
      if left < 0 { return token }
    }
    // Rounding may leave a little.
    if let last = eligible.last { return last.token }
    return try Self.mostLikely(logits)
  }

  /// The eligible tokens with their probabilities, which sum to 1, the most likely first, the lower
  /// id first among equals. `logits` are finite. Tokens with less than e⁻⁴⁰ of the highest
  /// probability are left out: all of them together would not come up once in 10¹¹ draws.
  package func shares(_ logits: [Float]) -> [(token: Int32, share: Double)] {
    let top = Double(logits.max() ?? 0)
    let lowest = Float(top - 40 * settings.temperature)
    var all: [(token: Int32, logit: Float)] = []
    for index in logits.indices where logits[index] >= lowest {
      all.append((Int32(index), logits[index]))
    }
    all.sort { ($0.logit, $1.token) > ($1.logit, $0.token) }
    if settings.topK > 0 { all.removeLast(max(0, all.count - settings.topK)) }
    let weights = all.map { exp((Double($0.logit) - top) / settings.temperature) }
    let total = weights.reduce(0, +)
    var kept = 0.0
    var count = 0
    while count < weights.count, count == 0 || kept < settings.topP * total {
      kept += weights[count]
      count += 1
    }
    return (0..<count).map { (all[$0].token, weights[$0] / kept) }
  }

  private static func check(_ logits: [Float]) throws(Failure) {
    guard let bad = logits.firstNonFinite ?? (logits.isEmpty ? 0 : nil) else { return }
    throw Failure(
      .invalidData, at: "token \(bad)",
      logits.isEmpty ? "there are no logits" : "the logit is \(logits[bad])",
      advice: "check the model's weights", reason: .notFinite)
  }

  /// The token with the highest logit; the lowest id among equals.
  /// - Throws: `invalidData` if there are none, or one isn't finite.
  package static func mostLikely(_ logits: [Float]) throws(Failure) -> Int32 {
    try check(logits)
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return Int32(best)
  }
}
