import Bytes
import Foundation
import Models
import TestSupport
import Testing

@Suite struct SamplerTests {
  let logits: [Float] = [1, 3, 2, 3, -50, 0]

  func settings(
    _ temperature: Double, k: Int = 0, p: Double = 1, seed: UInt64 = 0
  ) -> SamplingSettings {
    var settings = SamplingSettings()
    (settings.temperature, settings.topK, settings.topP, settings.seed) = (temperature, k, p, seed)
    return settings
  }

  @Test func temperatureZeroTakesTheFirstOfTheMostLikely() throws {
    var sampler = try Sampler(settings(0))
    #expect(sampler.next(logits) == 1)
  }

  /// Shares are computed in float64: an exponential of at most one unit in the last place, a sum of
  /// up to six terms and a quotient, γ₁₀ in all, here and in the sampler.
  @Test func sharesAreTheSoftmaxOverEligibleTokens() throws {
    let rounding = 2 * Rounding.gamma(10, Rounding.float64)
    let all = try Sampler(settings(1)).shares(logits)
    #expect(all.map(\.token) == [1, 3, 2, 0, 5])
    let total = logits.reduce(0.0) { $0 + exp(Double($1)) }
    for (token, share) in all {
      #expect(abs(share - exp(Double(logits[Int(token)])) / total) <= rounding)
    }
    let hot = try Sampler(settings(2)).shares(logits)
    #expect(abs(hot[0].share / hot[2].share - exp(0.5)) <= 2 * rounding * exp(0.5))
    let three = try Sampler(settings(1, k: 3)).shares(logits)
    #expect(three.map(\.token) == [1, 3, 2])
    #expect(abs(three.reduce(0) { $0 + $1.share } - 1) <= rounding)
    // 1 and 3 have 0.39 each: 0.78 needs both, 0.79 needs a third.
    #expect(try Sampler(settings(1, p: 0.78)).shares(logits).map(\.token) == [1, 3])
    #expect(try Sampler(settings(1, p: 0.79)).shares(logits).map(\.token) == [1, 3, 2])
    #expect(try Sampler(settings(1, p: 1e-9)).shares(logits).map(\.token) == [1])
  }

  /// Frequencies of 20,000 draws agree with the shares. After n draws, a frequency is off by more
  /// than t with a probability of at most 2·exp(−2nt²) (Hoeffding): 10⁻⁹ for t = √(ln(2·10⁹) / 2n)
  /// = 0.024.
  @Test func drawsFollowTheSharesAndRepeatWithTheSeed() throws {
    var random = TestRandom()
    var sampler = try Sampler(settings(1, seed: random.next()))
    var counts = [Int](repeating: 0, count: logits.count)
    for _ in 0..<20_000 { counts[Int(sampler.next(logits))] += 1 }
    for (token, share) in sampler.shares(logits) {
      #expect(abs(Double(counts[Int(token)]) / 20_000 - share) < 0.024, "\(random.note)")
    }
    #expect(counts[4] == 0)
    var first = try Sampler(settings(1, seed: 5))
    var second = try Sampler(settings(1, seed: 5))
    let a = (0..<50).map { _ in first.next(logits) }
    let b = (0..<50).map { _ in second.next(logits) }
    #expect(a == b)
  }

  @Test(arguments: [(-1.0, 0, 1.0), (.nan, 0, 1), (1, -1, 1), (1, 0, 0), (1, 0, 1.1)])
  func settingsOutOfRangeAreRefused(_ temperature: Double, _ k: Int, _ p: Double) {
    #expect(throws: Failure.self) { try Sampler(settings(temperature, k: k, p: p)) }
  }
}
