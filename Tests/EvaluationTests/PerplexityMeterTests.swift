import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import Numerics
import TestSupport
import Testing

@Suite struct PerplexityMeterTests {
  let model: LanguageModel
  let ids: [Int32]
  let rule: PerplexityProtocol

  init() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    model = try LanguageModel(source: Checkpoint.open(folder))
    var random = TestRandom()
    ids = (0..<101).map { _ in Int32(random.below(131)) }
    rule = try PerplexityProtocol(.ctp, length: 16)
  }

  func prompt(_ tokens: Int) throws -> (name: String, adapter: Adapter) {
    ("p", .prompt(try model.embed((0..<tokens).map { Int32($0 + 3) })))
  }

  @Test func perplexityIsTheMeanOverScoredTokensOfTheText() throws {
    for prompt in [nil, try prompt(5)] {
      var meter = try PerplexityMeter(model, ids: ids, rule: rule, prompt: prompt)
      let result = try meter.run()
      // Each window scored alone, without prompt positions and first tokens.
      var losses: [Double] = []
      for window in 0..<6 {
        let part = Array(ids[window * 16..<(window + 1) * 16])
        let scored: [Float] = try Scorer(model, adapter: prompt?.adapter).nll([part])[0]
        losses += scored.map { Double($0) }
      }
      #expect(result.scoredTokens == 90)
      #expect(losses.count == 90)
      #expect(result.windows == 6)
      #expect(result.tokens == 101)
      #expect(result.prompt == prompt?.name)
      // The meter adds losses window by window in float64: at most γ₉₂ of their sizes (losses are
      // positive), here and there. The deviation is a root of sums of squares, with s² from Σx² and
      // (Σx)², whose rounding is magnified by Σx² over the sum of squared deviations.
      let rounding = 2 * Rounding.gamma(92, Rounding.float64)
      let mean: Double = losses.reduce(0, +) / 90
      let perplexity: Double = exp(mean)
      let squares: [Double] = losses.map { ($0 - mean) * ($0 - mean) }
      let variance: Double = squares.reduce(0, +) / 89
      let deviation: Double = perplexity * (variance / 90).squareRoot()
      let magnified = losses.reduce(0) { $0 + $1 * $1 } / squares.reduce(0, +)
      #expect(abs(result.nll - mean) <= rounding * mean)
      // exp magnifies an error of the mean by the mean, and is off by an ulp itself.
      #expect(abs(result.value / perplexity - 1) <= 2 * rounding * (1 + mean))
      #expect(
        abs(result.standardError / deviation - 1) <= 4 * rounding * (1 + mean + magnified))
    }
  }

  @Test func llamaCppScoresTheLastHalf() throws {
    let rule = try PerplexityProtocol(.llamacpp, length: 16)
    var meter = try PerplexityMeter(model, ids: ids, rule: rule, limit: 1, bos: 1)
    let result = try meter.run()
    var window = Array(ids[..<16])
    window[0] = 1
    let losses: [Float] = try model.nll(sequences: [window])[0]
    #expect(result.scoredTokens == 7)
    let scored: [Double] = losses[8...].map { Double($0) }
    let mean: Double = scored.reduce(0, +) / 7
    #expect(abs(result.nll - mean) <= 2 * Rounding.gamma(9, Rounding.float64) * mean)
  }

  @Test func aResumedMeasurementEndsWithTheSameBits() throws {
    var whole = try PerplexityMeter(model, ids: ids, rule: rule, prompt: prompt(3))
    let expected = try whole.run()
    for stop in 0...6 {
      var first = try PerplexityMeter(model, ids: ids, rule: rule, prompt: prompt(3))
      for _ in 0..<stop { try first.step() }
      let saved = try JSONEncoder().encode(first.state)
      let state = try JSONDecoder().decode(PerplexityMeter.State.self, from: saved)
      var second = try PerplexityMeter(
        model, ids: ids, rule: rule, prompt: prompt(3), state: state)
      #expect(try second.run() == expected)
    }
  }

  @Test func aStateOfAnotherMeasurementIsRefused() throws {
    var meter = try PerplexityMeter(model, ids: ids, rule: rule)
    try meter.step()
    let other = try PerplexityProtocol(.ctp, length: 8)
    #expect { _ = try PerplexityMeter(model, ids: ids, rule: other, state: meter.state) } throws: {
      ($0 as? Failure)?.kind == .invalidData
    }
  }

  @Test func aTextShorterThanAWindowIsRefused() throws {
    #expect { _ = try PerplexityMeter(model, ids: Array(ids[..<15]), rule: rule) } throws: {
      ($0 as? Failure)?.kind == .usage
    }
  }

  @Test func theCallerCanStopBetweenWindows() throws {
    var meter = try PerplexityMeter(model, ids: ids, rule: rule)
    #expect(throws: Failure.self) {
      _ = try meter.run(
        progress: ProgressHandler { (done, _, _) throws(Failure) in
          if done == 2 { throw Failure(.interrupted, "stopped") }
        })
    }
    #expect(meter.state.windows == 2)
  }
}

/// Measurements of models whose losses or perplexities aren't finite.
@Suite struct NotFinitePerplexityTests {
  let folder: TemporaryFolder
  let ids = (0..<64).map { Int32($0 % 200 + 3) }

  init() throws { folder = try TemporaryFolder() }

  private func meter(_ tiny: TinyCheckpoint) throws -> PerplexityMeter {
    let model = try LanguageModel(source: Checkpoint.open(tiny.write(to: folder)))
    return try PerplexityMeter(model, ids: ids, rule: PerplexityProtocol(.ctp, length: 16))
  }

  private func failure(_ tiny: TinyCheckpoint) throws -> Failure? {
    var meter = try meter(tiny)
    let before = meter.state
    do throws(Failure) { _ = try meter.run() } catch {
      if error.reason != .perplexityRange { #expect(meter.state == before) }
      return error
    }
    return nil
  }

  @Test func aDamagedTensorIsNamed() throws {
    var tiny = TinyCheckpoint()
    tiny.damaged = "model.layers.2.self_attn.q_proj.weight"
    let found = try failure(tiny)
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "tensor \"model.layers.2.self_attn.q_proj.weight\"")
    #expect(found?.file == folder.file("model"))
  }

  @Test func theWindowOfAnOverflowIsNamed() throws {
    var tiny = TinyCheckpoint()
    for part in ["up", "down"] { tiny.factors["model.layers.1.mlp.\(part)_proj.weight"] = 1e30 }
    let found = try failure(tiny)
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "window 0, layer 1, position 0")
  }

  /// A final norm of 10⁶ makes losses of about 10⁶ nats, of 10 losses of about 100: e¹⁰⁰ is a
  /// number, e to the power of a million isn't.
  @Test func aPerplexityBeyondItsRangeIsRefused() throws {
    var tiny = TinyCheckpoint()
    tiny.factors["model.norm.weight"] = 1e6
    let found = try failure(tiny)
    #expect(found?.kind == .invalidData)
    #expect(found?.reason == .perplexityRange)
    tiny.factors["model.norm.weight"] = 10
    var meter = try meter(tiny)
    let result = try meter.run()
    #expect(result.value.isFinite && result.nll > 10)
  }
}

@Suite struct PerplexityEvidenceTests {
  func measured(_ losses: [Float], windows: Int = 1, prompt: String?) -> Perplexity {
    var sums = ScoreSums()
    sums.add(losses)
    return Perplexity(
      protocolID: "ctp-4", sums: sums, tokens: 9, windows: windows, prompt: prompt)
  }

  @Test func aRecordHoldsTheMeasurement() {
    let perplexity = measured([1, 2, 3], prompt: "p")
    let record = perplexity.evidence(text: ("t", nil), model: ("compressed", nil), tokenizer: nil)
    #expect(record.protocol == "ctp-4")
    #expect(record.nll == 6, "the sum of the losses, in nats")
    // s² = 1 over three tokens. A dozen roundings to float64.
    let rounding = 2 * Rounding.gamma(12, Rounding.float64)
    #expect(abs(record.ppl - exp(2)) <= rounding * exp(2))
    #expect(abs(record.pplStandardError - exp(2) / 3.0.squareRoot()) <= rounding * exp(2))
    #expect(record.prompt == "p")
    #expect(record.scoredTokens == 3)
  }

  @Test func aValidationNeedsTheSameTokens() throws {
    let weights = SHA256Digest(hashing: [UInt8]())
    let (without, with) = (measured([1, 2, 3], prompt: nil), measured([1, 1, 1], prompt: "p"))
    let pair = try Perplexity.validation(
      without: without, with: with, weights: weights, text: ("t", nil), arithmetic: .bfloat16)
    #expect(pair.arithmetic == "bfloat16")
    #expect(pair.pplWithout > pair.pplWith)
    #expect(pair.scoredTokens == 3)
    #expect(throws: Failure.self) {
      try Perplexity.validation(
        without: without, with: measured([1, 1], prompt: "p"), weights: weights, text: ("t", nil),
        arithmetic: .float32)
    }
  }
}
