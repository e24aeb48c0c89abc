import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Models
import Numerics
import TestSupport
import Testing

/// Comparisons of a model's inner values with the full model's.
@Suite struct SimilarityMeterTests {
  let folder: TemporaryFolder
  let full: LanguageModel
  let other: LanguageModel
  let ids: [Int32]
  let rule: PerplexityProtocol

  init() throws {
    folder = try TemporaryFolder()
    full = try Self.model(TinyCheckpoint(), folder, "full")
    // Another second block, so that the first one's input and attention are the same.
    var changed = TinyCheckpoint()
    changed.factors = ["model.layers.1.self_attn.q_proj.weight": 1.5]
    other = try Self.model(changed, folder, "other")
    var random = TestRandom(fixture: 5)
    ids = (0..<40).map { _ in Int32(random.below(263)) }
    rule = try PerplexityProtocol(.ctp, length: 16)
  }

  private static func model(
    _ checkpoint: TinyCheckpoint, _ folder: TemporaryFolder, _ name: String
  ) throws -> LanguageModel {
    try LanguageModel(source: Checkpoint.open(checkpoint.write(to: folder, name)))
  }

  private func compare(
    _ model: LanguageModel, prompts: [Int] = [], ids: [Int32]? = nil, limit: Int? = nil
  ) throws -> [SimilarityMeter.Result] {
    var conditions = [SimilarityMeter.Condition(prompt: nil, adapter: nil)]
    for count in prompts {
      let rows = try model.embed((0..<count).map { Int32($0 + 3) })
      conditions.append(.init(prompt: "p\(count)", adapter: .prompt(rows)))
    }
    var meter = try SimilarityMeter(
      of: model, against: full, conditions: conditions, ids: ids ?? self.ids, rule: rule,
      limit: limit)
    return try meter.run(modelDigest: nil)
  }

  /// A lower bound of a mean of 1s: at most 48 are added, each off by the rounding of two roots.
  private static let one = 1 - Rounding.gamma(100, Rounding.float64)

  /// A vector's cosine with itself is 1 but for rounding.
  @Test func aModelIsTheSameAsItself() throws {
    let result = try compare(full)[0].similarity
    #expect(result.attention.count == 3 && result.activations.count == 3)
    for value in result.attention + result.activations {
      #expect(value <= 1 && value >= Self.one)
    }
    #expect(result.promptShare == nil)
  }

  /// A changed query projection of block 1 leaves block 0 as it is.
  @Test func similarityFallsWhereAModelWasChanged() throws {
    let result = try compare(other)[0].similarity
    for value in [result.attention[0], result.activations[0]] {
      #expect(value >= Self.one)
    }
    for block in 1...2 {
      #expect(result.attention[block] < 0.9999 && result.activations[block] < 0.9999)
    }
  }

  /// Means and standard errors over windows follow from those of each window alone.
  @Test func windowsAreAveraged() throws {
    let both = try compare(other, prompts: [2])
    let first = try compare(other, prompts: [2], limit: 1)
    let second = try compare(other, prompts: [2], ids: Array(ids[16..<32]))
    for index in 0..<2 {
      let (a, b) = (first[index].similarity, second[index].similarity)
      #expect(a.attentionErrors == nil && b.activationErrors == nil)
      let found = both[index].similarity
      let bound = 8 * Rounding.float64
      for block in 0..<3 {
        for (mean, error, x, y) in [
          (found.attention, found.attentionErrors, a.attention, b.attention),
          (found.activations, found.activationErrors, a.activations, b.activations),
        ] {
          #expect(abs(mean[block] - (x[block] + y[block]) / 2) <= bound)
          // Of two values the sample deviation is |x − y| / √2.
          let expected = abs(x[block] - y[block]) / 2
          #expect(abs((error?[block] ?? -1) - expected) <= bound)
        }
      }
    }
  }

  /// A prompt's positions take a share of the attention, and are left out of what is compared.
  @Test func promptsAreLeftOut() throws {
    let results = try compare(full, prompts: [3])
    #expect(results.map(\.prompt) == [nil, "p3"] && results.map(\.promptTokens) == [0, 3])
    let share = try #require(results[1].similarity.promptShare)
    #expect(share.count == 3 && share.allSatisfy { $0 > 0 && $0 < 1 })
    // With the prompt left out and rotation relative, the first block's rows are those without it.
    let first = results[1].similarity.attention[0]
    #expect(first > 0.999_999)
    #expect(results[1].similarity.activations[0] < 0.9999)
  }

  /// The losses are those of a measurement of perplexity of the same windows.
  @Test func perplexityComesWithIt() throws {
    let results = try compare(other, prompts: [2])
    let prompt = Adapter.prompt(try other.embed([3, 4]))
    for (result, adapter) in zip(results, [nil, ("p2", prompt)]) {
      var meter = try PerplexityMeter(
        other, ids: ids, rule: rule, prompt: adapter.map { (name: $0.0, adapter: $0.1) })
      let expected = try meter.run()
      #expect(result.sums.count == 30 && result.sums.mean == expected.nll)
    }
  }

  @Test func otherShapesAndShortTextsAreRefused() throws {
    var small = TinyCheckpoint()
    small.layers = 2
    let model = try Self.model(small, folder, "small")
    let error = #expect(throws: Failure.self) { try compare(model) }
    #expect(error?.finding.contains("blocks 2 against 3") == true, "\(error?.finding ?? "")")
    let short = #expect(throws: Failure.self) { try compare(full, ids: Array(ids[..<15])) }
    #expect(short?.reason == .textTooShort)
  }
}
