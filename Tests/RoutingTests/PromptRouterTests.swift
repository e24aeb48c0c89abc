import Bytes
import Checkpoints
import Foundation
import ModelSupport
import Models
import Numerics
import Routing
import Testing

/// The choice of a prompt for each text, by each routing rule.
@Suite struct PromptRouterTests {
  /// Token embeddings as prompts, [n, e] each.
  private func prompts(_ count: Int, tokens: Int, seed: UInt64) -> [Tensor] {
    (0..<count).map { RandomModel.prompt(tokens, seed: seed + UInt64($0)) }
  }

  private func router(
    _ model: LanguageModel, _ prompts: [Tensor], deciding: Int? = nil
  ) throws -> PromptRouter {
    try PromptRouter(
      PromptPrefixes(prompts.map { .vectors($0) }, in: model), rule: .attention,
      deciding: deciding)
  }

  /// Scores of routing by attention, by their definition, in float64 from the first block's queries
  /// and keys.
  private func attentionScores(
    _ model: LanguageModel, _ prompts: [Tensor], _ ids: [Int32], deciding: Int
  ) throws -> [Double] {
    let c = model.configuration
    let block = try model.block(0)
    /// Queries and keys of `rows` at positions from `first` on, [rows][heads][headDim].
    func project(_ embeddings: Tensor, from first: Int) -> (q: [[[Double]]], k: [[[Double]]]) {
      let x: Tensor
      if let into = model.input.projection {
        x = Tensor([embeddings.rows, c.hiddenSize])
        into.apply(embeddings, into: x, arithmetic: .float32)
      } else {
        x = embeddings.copy()
      }
      let positions = (first..<first + embeddings.rows).map(Int32.init)
      if let learned = model.input.positions {
        let rows = Tensor(x.shape)
        learned.table.gather(positions.map { $0 + Int32(learned.offset) }, into: rows)
        Vector.add(rows, into: x)
      }
      let normed = Tensor(x.shape)
      if let norm = block.norms.beforeAttention {
        norm.forward(x, into: normed)
      } else {
        normed.copy(from: x)
      }
      func heads(_ layer: Linear, _ count: Int, _ norm: Norm?) -> [[[Double]]] {
        let out = Tensor([x.rows, count * c.headDim])
        layer.apply(normed, into: out, arithmetic: .float32)
        let single = out.reshaped([x.rows * count, c.headDim])
        norm?.forward(single, into: single)
        if c.design.positions == .rotary {
          RotaryTable(
            headDim: c.headDim, positions: 512, inverseFrequencies: c.inverseFrequencies()
          ).apply(to: out, heads: count, positions: positions)
        }
        return (0..<x.rows).map { row in
          (0..<count).map { head in
            (0..<c.headDim).map { Double(out[row, head * c.headDim + $0]) }
          }
        }
      }
      return (
        heads(block.q, c.heads, block.headNorms?.query),
        heads(block.k, c.kvHeads, block.headNorms?.key)
      )
    }
    // The text's queries follow the longest prompt.
    let own = try project(model.embed(ids), from: prompts.map(\.rows).max() ?? 0)
    let prefixes = prompts.map { project($0, from: 0).k }
    var scores = [Double](repeating: 0, count: prompts.count)
    for query in 0..<deciding {
      for head in 0..<c.heads {
        let kvHead = head / (c.heads / c.kvHeads)
        func weight(_ key: [[Double]]) -> Double {
          let dot = zip(own.q[query][head], key[kvHead]).reduce(0.0) { $0 + $1.0 * $1.1 }
          return exp(dot / Double(c.headDim).squareRoot())
        }
        let masses = prefixes.map { $0.reduce(0.0) { $0 + weight($1) } }
        let total = masses.reduce(0, +) + own.k[...query].reduce(0.0) { $0 + weight($1) }
        for (prompt, mass) in masses.enumerated() { scores[prompt] += mass / total }
      }
    }
    return zip(scores, prompts).map { $0 / Double(deciding * c.heads * $1.rows) }
  }

  @Test(arguments: RandomModel.designs, [nil, 1, 9])
  func attentionScoresFollowTheirDefinition(_ c: ModelConfiguration, _ deciding: Int?) throws {
    let model = try RandomModel.make(seed: 51, configuration: c)
    let prompts = prompts(4, tokens: 5, seed: 60)
    let ids = RandomModel.sequences(1, length: 23, seed: 52)[0]
    let router = try router(model, prompts, deciding: deciding)
    let scorer = Scorer(model, chooser: router)
    _ = try scorer.nll([ids])
    let choice = try #require(scorer.choices.first ?? nil)
    let expected = try attentionScores(model, prompts, ids, deciding: deciding ?? ids.count)
    // An outcome on a fixture: float32 queries and keys, 10⁻⁶ of the scores.
    for (a, b) in zip(choice.scores, expected) { #expect(abs(a - b) <= 1e-5 * b, "\(a), \(b)") }
    #expect(choice.index == expected.indices.max { expected[$0] < expected[$1] })
    #expect(try router.choice(for: ids) == choice, "the router alone must choose the same")
  }

  /// The losses after the chosen prompt are those with it as the only prompt, to the bit.
  @Test(arguments: RandomModel.designs)
  func aChosenPromptScoresAsIfAlone(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 53, bits: 4, configuration: c)
    let prompts = prompts(3, tokens: 4, seed: 70)
    let scorer = Scorer(model, chooser: try router(model, prompts))
    let texts =
      (0..<12).map { RandomModel.sequences(1, length: 6, seed: 80 + UInt64($0))[0] } + [[7]]
    let losses = try scorer.nll(texts)
    #expect(scorer.choices.count == 13 && scorer.choices[12] == nil && losses[12].isEmpty)
    var kept: Set<Int> = []
    for (index, text) in texts.dropLast().enumerated() {
      let winner = try #require(scorer.choices[index]).index
      kept.insert(winner)
      let alone = try model.nll(sequences: [text], prompt: prompts[winner])[0]
      #expect(losses[index] == alone, "text \(index), prompt \(winner)")
    }
    #expect(kept.count > 1, "all texts chose the same prompt: the test shows little")
  }

  /// Later tokens don't affect the choice if only the first ones decide.
  @Test func tokensAfterTheDecidingOnesDoNotMatter() throws {
    let model = try RandomModel.make(seed: 54)
    let prompts = prompts(5, tokens: 3, seed: 90)
    let router = try router(model, prompts, deciding: 4)
    let start = RandomModel.sequences(1, length: 4, seed: 55)[0]
    let first = try router.choice(for: start + [1, 2, 3])
    #expect(try router.choice(for: start + [40, 50, 9]) == first)
    #expect(try router.choice(for: start) == first)
    let whole = try self.router(model, prompts)
    #expect(try whole.choice(for: start + [1, 2, 3]) != whole.choice(for: start + [40, 50, 9]))
  }

  /// Generation with a chooser continues each text as with its chosen prompt alone.
  @Test(arguments: RandomModel.designs)
  func generationContinuesWithTheChosenPrompt(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 56, configuration: c)
    let prompts = prompts(3, tokens: 4, seed: 100)
    let texts = (0..<6).map { RandomModel.sequences(1, length: 5, seed: 110 + UInt64($0))[0] }
    var settings = GenerationSettings()
    (settings.maxTokens, settings.cache) = (6, .float32)
    let together = try model.generate(
      texts, chooser: router(model, prompts), settings: settings)
    for (index, text) in texts.enumerated() {
      let winner = try #require(together.choices[index]).index
      #expect(
        try model.greedy(text, prompt: .vectors(prompts[winner]), maxTokens: 6)
          == together.tokens[index])
    }
    let none = try model.generate(texts, prompt: .none, settings: settings)
    #expect(none.choices == [nil, nil, nil, nil, nil, nil])
  }

  /// Scores from stored keys and values, rounded to float16, are close to those from the vectors.
  @Test func storedKeysScoreLikeVectors() throws {
    let model = try RandomModel.make(seed: 57)
    let prompts = prompts(3, tokens: 4, seed: 120)
    let known = try prompts.map { prompt in
      let bytes = try KeyValues(of: prompt, in: model).float16Bytes
      return PromptStart.keyValues(
        try KeyValues(stored: bytes, tokens: prompt.rows, for: model.configuration))
    }
    let stored = try PromptRouter(PromptPrefixes(known, in: model), rule: .attention)
    let exact = try router(model, prompts)
    let ids = RandomModel.sequences(1, length: 19, seed: 58)[0]
    let (a, b) = (try stored.choice(for: ids), try exact.choice(for: ids))
    // An outcome on a fixture, of the size of float16's 2⁻¹¹.
    for (x, y) in zip(a.scores, b.scores) { #expect(abs(x - y) <= 2e-3 * y) }
  }

  /// Prefixes made of prompts' keys and values are chosen and scored like the prompts.
  @Test func prefixesAreChosenLikePrompts() throws {
    let model = try RandomModel.make(seed: 57)
    let prompts = prompts(3, tokens: 4, seed: 120)
    let prefixes = try prompts.map { PromptStart.keyValues(try KeyValues(of: $0, in: model)) }
    let learned = Scorer(
      model,
      chooser: try PromptRouter(PromptPrefixes(prefixes, in: model), rule: .attention))
    let vectors = Scorer(model, chooser: try router(model, prompts))
    let ids = RandomModel.sequences(1, length: 19, seed: 58)[0]
    #expect(try learned.nll([ids]) == vectors.nll([ids]))
    #expect(learned.choices == vectors.choices)
  }

  /// Routing by loss chooses the prompt after which the first tokens are most likely; the losses
  /// are those after that prompt alone, to the bit.
  @Test(arguments: RandomModel.designs)
  func routingByLossChoosesTheLowestLoss(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 61, bits: 4, configuration: c)
    let prompts = prompts(3, tokens: 4, seed: 130)
    let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
    let router = try PromptRouter(prefixes, rule: .loss, deciding: 5)
    let scorer = Scorer(model, chooser: router)
    let texts = (0..<12).map { RandomModel.sequences(1, length: 9, seed: 140 + UInt64($0))[0] }
    let losses = try scorer.nll(texts)
    var kept: Set<Int> = []
    for (index, text) in texts.enumerated() {
      let choice = try #require(scorer.choices[index])
      let alone = try prompts.map { try model.nll(sequences: [text], prompt: $0)[0] }
      let first = alone.map { -$0[0..<4].reduce(0.0) { $0 + Double($1) } / 4 }
      // An outcome on a fixture: losses of about 5 in float32, from passes of other lengths.
      for (score, expected) in zip(choice.scores, first) { #expect(abs(score - expected) <= 1e-5) }
      #expect(choice.index == first.indices.max { first[$0] < first[$1] })
      #expect(losses[index] == alone[choice.index], "text \(index)")
      #expect(try router.choice(for: text) == choice)
      #expect(
        try router.choice(for: Array(text[0..<5]) + [1, 2]) == choice,
        "later tokens must not matter")
      kept.insert(choice.index)
    }
    #expect(kept.count > 1, "all texts chose the same prompt: the test shows little")
    // A single token has no loss: all scores are equal, and the first prompt is chosen.
    let single = try model.generate(
      [[7]], chooser: PromptRouter(prefixes, rule: .loss),
      settings: GenerationSettings())
    #expect(single.choices == [PromptChoice(scores: [0, 0, 0])])
  }

  /// Every rule chooses among prompts of several lengths; the text directly follows the chosen
  /// prompt, as if that were the only one.
  @Test(arguments: RandomModel.designs, RoutingRule.allCases)
  func promptsOfSeveralLengths(_ c: ModelConfiguration, _ rule: RoutingRule) throws {
    let model = try RandomModel.make(seed: 65, bits: 4, configuration: c)
    let texts = (0..<32).map { RandomModel.sequences(1, length: 9, seed: 200 + UInt64($0))[0] }
    // The first of some sets of prompts among which these texts choose more than one length.
    var found: (prompts: [Tensor], router: PromptRouter)?
    for set in 0..<20 where found == nil {
      let prompts = [4, 4, 7, 2].enumerated().map {
        RandomModel.prompt($0.element, seed: 190 + UInt64(100 * set + $0.offset))
      }
      let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
      let router = try PromptRouter(prefixes, rule: rule, deciding: 5)
      let lengths = try Set(texts.map { prompts[try router.choice(for: $0).index].rows })
      if lengths.count > 1 { found = (prompts, router) }
    }
    let (prompts, router) = try #require(found, "the texts choose one length from every set")
    let scorer = Scorer(model, chooser: router)
    let losses = try scorer.nll(texts)
    for (index, text) in texts.enumerated() {
      let choice = try #require(scorer.choices[index])
      #expect(choice.scores.count == 4)
      let alone = try prompts.map { try model.nll(sequences: [text], prompt: $0)[0] }
      #expect(losses[index] == alone[choice.index], "text \(index)")
      let expected: [Double]? =
        switch rule {
        case .keys: nil
        case .loss: alone.map { -$0[0..<4].reduce(0.0) { $0 + Double($1) } / 4 }
        case .attention: try attentionScores(model, prompts, text, deciding: 5)
        }
      // An outcome on fixtures: losses of about 5, and shares below 1, in float32.
      for (score, expected) in zip(choice.scores, expected ?? []) {
        #expect(abs(score - expected) <= 1e-5)
      }
    }
    var settings = GenerationSettings()
    (settings.maxTokens, settings.cache) = (6, .float32)
    let together = try model.generate(texts, chooser: router, settings: settings)
    for (index, text) in texts.enumerated() {
      let winner = try #require(together.choices[index]).index
      #expect(winner == scorer.choices[index]?.index)
      #expect(
        try model.greedy(text, prompt: .vectors(prompts[winner]), maxTokens: 6)
          == together.tokens[index])
    }
  }

  /// Prompts whose rows together exceed one forward pass are scored in several passes.
  @Test func longTextsAreScoredInSeveralPasses() throws {
    let model = try RandomModel.make(seed: 62)
    let prompts = prompts(3, tokens: 4, seed: 150)
    let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
    let router = try PromptRouter(prefixes, rule: .loss, deciding: 400)
    let text = RandomModel.sequences(1, length: 400, seed: 151)[0]
    let choice = try router.choice(for: text)
    #expect(choice.scores.count == 3)
    for (score, prompt) in zip(choice.scores, prompts) {
      let alone = try model.nll(sequences: [text], prompt: prompt)[0]
      // An outcome on a fixture: means of 399 losses in float32.
      #expect(abs(score + alone.reduce(0.0) { $0 + Double($1) } / 399) <= 1e-5)
    }
  }

  @Test func theFirstOfEqualScoresIsChosen() {
    #expect(PromptChoice(scores: [0.1, 0.3, 0.3]).index == 1)
    #expect(PromptChoice(scores: [0.2]).index == 0)
  }

  @Test func invalidChoicesAreRefused() throws {
    let model = try RandomModel.make(seed: 59)
    func finding(_ body: () throws -> Void) -> String {
      do { try body() } catch { return (error as? Failure)?.description ?? "\(error)" }
      return "nothing"
    }
    let empty = [PromptStart.vectors(Tensor([2, 24])), .vectors(Tensor([0, 24]))]
    #expect(finding { _ = try PromptPrefixes(empty, in: model) }.contains("without tokens"))
    #expect(finding { _ = try PromptPrefixes([], in: model) }.contains("no prompt"))
    #expect(
      finding { _ = try PromptPrefixes([.vectors(Tensor([2, 25]))], in: model) }.contains("25"))
    let prefixes = try PromptPrefixes([.vectors(Tensor([2, 24]))], in: model)
    #expect(
      finding { _ = try PromptRouter(prefixes, deciding: 0) }.contains("1 or more"))
    #expect(
      finding { _ = try PromptRouter(prefixes, rule: .loss, deciding: 1) }
        .contains("2 or more"))
  }
}
