import Bytes
import Checkpoints
import Foundation
import ModelSupport
import Models
import Numerics
import Routing
import Testing

/// Learned routing keys: the accuracy of their logits, and the choices that texts make by them.
@Suite struct RoutingKeyLearningTests {
  private func prompts(_ count: Int, tokens: Int, seed: UInt64) -> [Tensor] {
    (0..<count).map { RandomModel.prompt(tokens, seed: seed + UInt64($0)) }
  }

  private func learn(_ model: LanguageModel, _ prompts: [Tensor]) throws -> [RoutingKey] {
    try RoutingKey.learn(PromptPrefixes(prompts.map { .vectors($0) }, in: model))
  }

  /// Log-probabilities of the token after `ids` [V].
  private func logProbabilities(
    _ model: LanguageModel, _ ids: [Int32], after prompt: Tensor?
  ) throws -> [Double] {
    let decoder = try TextDecoder(
      model, capacity: (prompt?.rows ?? 0) + ids.count, format: .float32)
    let start = prompt.map { PromptStart.vectors($0) } ?? .none
    let logits = try decoder.begin(ids, prompt: start).map { Double($0) }
    let top = logits.max() ?? 0
    let total = top + log(logits.reduce(0.0) { $0 + exp($1 - top) })
    return logits.map { $0 - total }
  }

  /// Logarithms of the mean probabilities after 16 tokens spread over the vocabulary [V].
  private func unigramLogarithms(_ model: LanguageModel, after prompt: Tensor?) throws -> [Double] {
    let vocabulary = model.configuration.vocabularySize
    let each = try (0..<16).map { probe in
      try logProbabilities(
        model, [Int32((2 * probe + 1) * vocabulary / 32)], after: prompt)
    }
    return (0..<vocabulary).map { id in log(each.reduce(0.0) { $0 + exp($1[id]) } / 16) }
  }

  /// First-block queries of each token of the vocabulary before rotary embedding,
  /// [V][heads·headDim].
  private func queries(_ model: LanguageModel, after tokens: Int) throws -> [[Double]] {
    let (c, block) = (model.configuration, try model.block(0))
    let ids = (0..<c.vocabularySize).map { Int32($0) }
    var x = try model.embed(ids)
    if let into = model.input.projection {
      let wide = Tensor([ids.count, c.hiddenSize])
      into.apply(x, into: wide, arithmetic: .float32)
      x = wide
    }
    if let learned = model.input.positions {
      // Up to 256 deciding tokens follow the prompt, as far as the model has positions.
      let last = min(tokens + 256, c.maximumPositions)
      let rows = Tensor(x.shape)
      learned.table.gather(
        ids.map { Int32(last - 1 - Int($0) % (last - tokens) + learned.offset) }, into: rows)
      Vector.add(rows, into: x)
    }
    block.norms.beforeAttention?.forward(x, into: x)
    let q = Tensor([ids.count, c.heads * c.headDim])
    block.q.apply(x, into: q, arithmetic: .float32)
    block.headNorms?.apply(queries: q, headDim: c.headDim)
    return (0..<q.rows).map { row in (0..<q.columns).map { Double(q[row, $0]) } }
  }

  /// The logits explain the stated share of the variance, and no nearby key explains more. Outcomes
  /// on fixtures: sums over the vocabulary are in float32, and the damping keeps keys from the very
  /// minimum.
  @Test(arguments: RandomModel.designs)
  func logitsEstimateLogLikelihoodGains(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 63, bits: 4, configuration: c)
    let prompts = prompts(2, tokens: 4, seed: 160)
    let q = try queries(model, after: 4)
    let without = try unigramLogarithms(model, after: nil)
    let scale = 1 / Double(c.headDim).squareRoot()
    for (prompt, key) in zip(prompts, try learn(model, prompts)) {
      let with = try unigramLogarithms(model, after: prompt)
      let gains = zip(with, without).map { $0 - $1 }
      let weights = zip(with, without).map {
        (exp($0) + exp($1)) / 4 + 0.5 / Double(c.vocabularySize)
      }
      #expect(abs(weights.reduce(0, +) - 1) < 1e-4)
      /// Weighted mean of the squared errors of a key's logits.
      func missed(_ key: [Double], _ bias: Double) -> Double {
        var sum = 0.0
        for id in gains.indices {
          let logit = bias + scale * zip(q[id], key).reduce(0) { $0 + $1.0 * $1.1 }
          sum += weights[id] * (gains[id] - logit) * (gains[id] - logit)
        }
        return sum
      }
      let own = key.key.map { Double($0) }
      let mean = zip(gains, weights).reduce(0) { $0 + $1.0 * $1.1 }
      let variance = zip(gains, weights).reduce(0) { $0 + $1.1 * ($1.0 - mean) * ($1.0 - mean) }
      let left = missed(own, Double(key.bias))
      #expect(abs(1 - left / variance - key.explained) < 1e-3, "\(key.explained)")
      // The key is at the minimum up to damping: no direction gains more than a little.
      for i in own.indices {
        for step in [-0.05, 0.05] {
          var moved = own
          moved[i] += step * max(0.1, abs(own[i]))
          #expect(missed(moved, Double(key.bias)) > left - 1e-3 * variance)
        }
      }
    }
  }

  /// A text's prompt is that of the highest mean logit over its first tokens; later tokens don't
  /// matter; the losses are those after that prompt alone, to the bit.
  @Test(arguments: RandomModel.designs)
  func textsChooseByTheirFirstTokens(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 63, bits: 4, configuration: c)
    let prompts = prompts(3, tokens: 4, seed: 160)
    let prefixes = try PromptPrefixes(prompts.map { .vectors($0) }, in: model)
    let keys = try learn(model, prompts)
    let router = try PromptRouter(prefixes, deciding: 9, keys: keys)
    let scorer = Scorer(model, chooser: router)
    let learned = try PromptRouter(prefixes, deciding: 9)
    let texts = (0..<12).map { RandomModel.sequences(1, length: 24, seed: 170 + UInt64($0))[0] }
    let losses = try scorer.nll(texts)
    var kept: Set<Int> = []
    let q = try queries(model, after: 4)
    let scale = 1 / Double(c.headDim).squareRoot()
    for (index, text) in texts.enumerated() {
      let choice = try #require(scorer.choices[index])
      #expect(try learned.choice(for: text) == choice)
      if model.input.positions == nil {
        for (score, key) in zip(choice.scores, keys) {
          let logits = text[0..<9].map { id in
            Double(key.bias)
              + scale * zip(q[Int(id)], key.key).reduce(0) { $0 + $1.0 * Double($1.1) }
          }
          // An outcome on fixtures: float32 dot products of about 1.
          #expect(abs(score - logits.reduce(0, +) / 9) <= 1e-4)
        }
      }
      let alone = try model.nll(sequences: [text], prompt: prompts[choice.index])[0]
      #expect(losses[index] == alone, "text \(index)")
      let later = Array(text[0..<9]) + [1, 2]
      #expect(try router.choice(for: later) == choice, "later tokens must not matter")
      kept.insert(choice.index)
    }
    #expect(kept.count > 1, "all texts chose the same prompt: the test shows little")
  }

  /// A key doesn't depend on the other prompts for which keys are learned in the same call.
  @Test(arguments: RandomModel.designs)
  func keysAreIndependentOfOtherPrompts(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 64, configuration: c)
    let prompts = prompts(3, tokens: 4, seed: 180) + [RandomModel.prompt(7, seed: 183)]
    let together = try learn(model, prompts)
    for (prompt, key) in zip(prompts, together) {
      let alone = try learn(model, [prompt])[0]
      #expect(alone.bias == key.bias && alone.key == key.key)
    }
  }

  @Test func learningReportsProgressAndCanBeStopped() throws {
    let model = try RandomModel.make(seed: 64)
    let prefixes = try PromptPrefixes([.vectors(RandomModel.prompt(4, seed: 184))], in: model)
    let vocabulary = model.configuration.vocabularySize
    var parts: [[Int]] = []
    _ = try RoutingKey.learn(
      prefixes, progress: ProgressHandler { done, total, _ in parts.append([done, total]) })
    #expect(parts == [[0, vocabulary], [vocabulary, vocabulary]])
    #expect(throws: Failure.self) {
      try RoutingKey.learn(
        prefixes,
        progress: ProgressHandler { (done, _, _) throws(Failure) in
          if done > 0 { throw Failure(.interrupted, "stopped") }
        })
    }
  }

  @Test func aKeyOfAnotherModelIsRefused() throws {
    let model = try RandomModel.make(seed: 59)
    let prefixes = try PromptPrefixes([.vectors(Tensor([2, 24]))], in: model)
    let strange = RoutingKey(key: [1, 2, 3], bias: 0, explained: 1)
    #expect(throws: Failure.self) {
      try PromptRouter(prefixes, keys: [strange])
    }
  }
}
