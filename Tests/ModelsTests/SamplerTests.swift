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
    #expect(try sampler.next(logits) == 1)
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
    for _ in 0..<20_000 { counts[Int(try sampler.next(logits))] += 1 }
    for (token, share) in sampler.shares(logits) {
      #expect(abs(Double(counts[Int(token)]) / 20_000 - share) < 0.024, "\(random.note)")
    }
    #expect(counts[4] == 0)
    var first = try Sampler(settings(1, seed: 5))
    var second = try Sampler(settings(1, seed: 5))
    let a = try (0..<50).map { _ in try first.next(logits) }
    let b = try (0..<50).map { _ in try second.next(logits) }
    #expect(a == b)
  }

  /// No token is the most likely one of a row with a NaN or an infinity; the row is refused, and no
  /// random number is used up.
  @Test(arguments: [Float.nan, .infinity, -.infinity], [0, 2, 5])
  func rowsThatAreNotFiniteAreRefused(_ bad: Float, _ place: Int) throws {
    var row = logits
    row[place] = bad
    for chosen in [settings(0), settings(1), settings(0.5, k: 1), settings(2, k: 3, p: 0.5)] {
      var (sampler, fresh) = (try Sampler(chosen), try Sampler(chosen))
      #expect {
        _ = try sampler.next(row)
      } throws: { error in
        let failure = error as? Failure
        return failure?.kind == .invalidData && failure?.place == "token \(place)"
      }
      for _ in 0..<5 { #expect(try sampler.next(logits) == fresh.next(logits)) }
    }
    #expect(throws: Failure.self) { try Sampler.mostLikely(row) }
    #expect(throws: Failure.self) { try Sampler.mostLikely([]) }
  }

  @Test func largeFiniteLogitsAreSampled() throws {
    for temperature in [0, 1, 1e-300, 1e300] {
      var sampler = try Sampler(settings(temperature, k: temperature > 1 ? 1 : 0))
      #expect(try sampler.next([-3e38, 0, 3e38, 2.9e38]) == 2, "\(temperature)")
    }
  }

  @Test(arguments: [(-1.0, 0, 1.0), (.nan, 0, 1), (1, -1, 1), (1, 0, 0), (1, 0, 1.1)])
  func settingsOutOfRangeAreRefused(_ temperature: Double, _ k: Int, _ p: Double) {
    #expect(throws: Failure.self) { try Sampler(settings(temperature, k: k, p: p)) }
  }
}
