import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

/// Ratios of perplexities, with errors from the differences window by window.
@Suite struct PairedRatioTests {
  /// Mean losses per token differ by 1/2, 1 and 1: mean 5/6, squared deviations 1/6 together, so the
  /// mean's error is √(1/6 / (3·2)) = 1/6.
  @Test func theErrorComesFromTheDifferencesOfWindows() throws {
    let ratio = PairedRatio([2, 4, 6], to: [1, 2, 4], targets: 2)
    // A dozen roundings to float64.
    let rounding = 2 * Rounding.gamma(12, Rounding.float64)
    #expect(abs(ratio.logarithm.value - 5.0 / 6) <= rounding)
    #expect(abs(ratio.value / exp(5.0 / 6) - 1) <= 2 * rounding)
    let error = try #require(ratio.standardError)
    #expect(abs(error / (exp(5.0 / 6) / 6) - 1) <= 4 * rounding)
    let own = exp(2.0)
    let base = exp(7.0 / 6)
    let difference = PairedRatio.difference([2, 4, 6], from: [1, 2, 4], targets: 2)
    #expect(abs(difference.value / (own - base) - 1) <= 8 * rounding)
    // PPL₁·x − PPL₂·y of each window, by hand.
    let moves = [own - base / 2, 2 * own - base, 3 * own - 2 * base]
    let mean = moves.reduce(0, +) / 3
    let squares = moves.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let expected = (squares / 6).squareRoot()
    #expect(abs(try #require(difference.standardError) / expected - 1) <= 32 * rounding)
  }

  /// Losses that both models share cancel.
  @Test func aConstantDifferenceHasNoError() {
    let base = [3.0, 90, 12.5, 0.25]
    let ratio = PairedRatio(base.map { $0 + 2 }, to: base, targets: 4)
    #expect(ratio.value == exp(0.5) && ratio.standardError == 0)
  }

  @Test func oneWindowHasNoError() {
    #expect(PairedRatio([3], to: [2], targets: 4).standardError == nil)
  }

  @Test func perplexitiesOfOtherTokensAreRefused() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    let model = try LanguageModel(source: Checkpoint.open(folder))
    let ids = (0..<101).map { Int32($0 * 37 % 131) }
    func measured(_ length: Int, limit: Int?) throws -> Perplexity {
      var meter = try PerplexityMeter(
        model, ids: ids, rule: PerplexityProtocol(.ctp, length: length), limit: limit)
      return try meter.run()
    }
    let whole = try measured(16, limit: nil)
    #expect(try whole.ratio(to: whole).value == 1)
    #expect(try whole.ratio(to: whole).standardError == 0)
    for (other, words) in [
      (try measured(16, limit: 3), ["windows (6 and 3)", "scored tokens (90 and 45)"]),
      (try measured(8, limit: nil), ["protocol (ctp-16 and ctp-8)", "windows (6 and 12)"]),
    ] {
      let failure = #expect(throws: Failure.self) { try whole.ratio(to: other) }
      #expect(failure?.kind == .notMet)
      for word in words { #expect(failure?.finding.contains(word) == true, "\(word)") }
    }
  }

  /// The sums of windows are those of the losses, and are kept with the state.
  @Test func theMeterKeepsEachWindowsSum() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    let model = try LanguageModel(source: Checkpoint.open(folder))
    let ids = (0..<70).map { Int32($0 * 53 % 131) }
    let rule = try PerplexityProtocol(.llamacpp, length: 16)
    var meter = try PerplexityMeter(model, ids: ids, rule: rule)
    let result = try meter.run()
    #expect(result.windowSums.count == 4)
    for (index, sum) in result.windowSums.enumerated() {
      let losses: [Float] = try Scorer(model).nll([Array(ids[index * 16..<(index + 1) * 16])])[0]
      var expected = ScoreSums()
      expected.add(losses[8...])
      #expect(sum == expected.sum, "window \(index)")
    }
    var short = meter.state
    short.windowSums.removeLast()
    #expect(throws: Failure.self) { try PerplexityMeter(model, ids: ids, rule: rule, state: short) }
  }
}
