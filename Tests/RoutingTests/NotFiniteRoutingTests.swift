import Bytes
import Checkpoints
import Evaluation
import ModelSupport
import Models
import Numerics
import Routing
import TestSupport
import Testing

/// Choices and comparisons of prompts in models with numbers that aren't finite: no prompt is the
/// best one then.
@Suite struct NotFiniteRoutingTests {
  let folder: TemporaryFolder
  let ids = (0..<64).map { Int32($0 % 50 + 3) }

  init() throws { folder = try TemporaryFolder() }

  private func failure(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) { try body() } catch { return error }
    return nil
  }

  /// A model from a checkpoint with a NaN in `tensor`, and the vectors of two prompts.
  private func damaged(_ tensor: String) throws -> (model: LanguageModel, prompts: [Tensor]) {
    let whole = try LanguageModel(source: Checkpoint.open(TinyCheckpoint().write(to: folder)))
    let prompts = try [whole.embed([3, 4, 5]), whole.embed([6, 7])]
    var tiny = TinyCheckpoint()
    tiny.damaged = tensor
    return (try LanguageModel(source: Checkpoint.open(tiny.write(to: folder))), prompts)
  }

  /// Attention and keys see only the first block's queries, loss the whole model.
  @Test(arguments: RoutingRule.allCases)
  func aChoiceNamesTheDamagedTensor(_ rule: RoutingRule) throws {
    let tensor = "model.layers.0.self_attn.q_proj.weight"
    let (model, prompts) = try damaged(tensor)
    let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
    let keys = prompts.map { _ in
      RoutingKey(key: [Float](repeating: 1, count: 24), bias: 0, explained: 0)
    }
    let router = try PromptRouter(prefixes, rule: rule, keys: keys)
    let found = failure { () throws(Failure) in _ = try router.choice(for: ids) }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "tensor \"\(tensor)\"")
  }

  /// The head is the embedding: of all predictions one is NaN.
  @Test(arguments: ["model.embed_tokens.weight", "model.layers.2.mlp.down_proj.weight"])
  func keysAreNotLearnedFromADamagedTensor(_ tensor: String) throws {
    let (model, prompts) = try damaged(tensor)
    let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
    let found = failure { () throws(Failure) in _ = try RoutingKey.learn(prefixes) }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "tensor \"\(tensor)\"")
  }

  @Test func aScoreThatIsNotFiniteIsRefused() throws {
    let model = try RandomModel.make(seed: 71)
    let prefixes = try PromptPrefixes(
      [RandomModel.prompt(3, seed: 72), RandomModel.prompt(3, seed: 73)].map { .vectors($0) },
      in: model)
    let keys = [Float(0), .nan].map { bias in
      RoutingKey(key: [Float](repeating: 1, count: 18), bias: bias, explained: 0)
    }
    let router = try PromptRouter(prefixes, rule: .keys, keys: keys)
    let found = failure { () throws(Failure) in _ = try router.choice(for: [3, 50, 7]) }
    #expect(found?.kind == .invalidData)
    #expect(found?.finding.contains("the score of prompt 1 is nan") == true)
  }

  @Test func aComparisonNamesTheDamagedTensor() throws {
    let tensor = "model.layers.1.mlp.up_proj.weight"
    let (model, prompts) = try damaged(tensor)
    let named = prompts.enumerated().map { (name: "p\($0)", adapter: Adapter.prompt($1)) }
    let keys = prompts.map { _ in
      RoutingKey(key: [Float](repeating: 1, count: 24), bias: 0, explained: 0)
    }
    var comparison = try PromptComparison(
      model, prompts: named, keys: keys, rule: PerplexityProtocol(.ctp, length: 16))
    let found = failure { () throws(Failure) in
      try comparison.measure(ids, name: "text", digest: nil)
    }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "tensor \"\(tensor)\"")
    #expect(comparison.texts.isEmpty)
  }

  /// Finite weights that overflow: text, window, layer and position.
  @Test func aComparisonNamesTheWindowOfAnOverflow() throws {
    var tiny = TinyCheckpoint()
    for part in ["up", "down"] { tiny.factors["model.layers.1.mlp.\(part)_proj.weight"] = 1e30 }
    let model = try LanguageModel(source: Checkpoint.open(tiny.write(to: folder)))
    let named = try [[Int32(3), 4], [5, 6]].enumerated().map {
      (name: "p\($0)", adapter: Adapter.prompt(try model.embed($1)))
    }
    let keys = named.map { _ in
      RoutingKey(key: [Float](repeating: 1, count: 24), bias: 0, explained: 0)
    }
    var comparison = try PromptComparison(
      model, prompts: named, keys: keys, rule: PerplexityProtocol(.ctp, length: 16))
    let found = failure { () throws(Failure) in
      try comparison.measure(ids, name: "text", digest: nil)
    }
    #expect(found?.place == "text, window 0, layer 1, position 0")
  }
}
