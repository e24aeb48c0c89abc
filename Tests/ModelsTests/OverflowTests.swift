import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Finite weights whose products leave the range of float32, or of the cache's format.
@Suite struct OverflowTests {
  /// The failure of `body`; nil if it succeeds.
  private func failure(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) { try body() } catch { return error }
    return nil
  }

  /// The model with the weights of some layers of block 1 multiplied.
  private func model(
    _ c: ModelConfiguration = RandomModel.configuration, seed: UInt64,
    times factors: [LinearName: Float]
  ) throws -> LanguageModel {
    let model = try RandomModel.make(seed: seed, configuration: c)
    let blocks = try (0..<c.layers).map { index in
      var block = try model.block(index)
      for (name, factor) in factors where index == 1 {
        let weight = block[name].weight.dense().copy()
        Vector.scale(weight, by: factor)
        block[name].weight = .dense(weight)
      }
      return block
    }
    return LanguageModel(
      configuration: c, input: model.input, output: model.output, blocks: blocks)
  }

  /// 10³⁰ times 10³⁰ is beyond float32, whose largest number is 3.4·10³⁸.
  @Test(arguments: RandomModel.designs)
  func theLayerAndPositionAreNamed(_ c: ModelConfiguration) throws {
    let model = try model(c, seed: 63, times: [.up: 1e30, .down: 1e30])
    let ids = RandomModel.sequences(2, length: 9, seed: 64)
    let scored = failure { () throws(Failure) in _ = try model.nll(sequences: ids) }
    #expect(scored?.kind == .invalidData)
    #expect(scored?.reason == .notFinite)
    #expect(scored?.place == "layer 1, sequence 0, position 0")
    let prompt = RandomModel.prompt(4, seed: 65)
    for (start, place) in [(PromptStart.none, 0), (.vectors(prompt), 0)] {
      let generated = failure { () throws(Failure) in
        _ = try model.greedy(ids[0], prompt: start, maxTokens: 3)
      }
      #expect(generated?.place == "layer 1, position \(place)")
    }
  }

  /// Products of up to 10³² in one block are large, but within range, and stay so in the norms
  /// after them, whose squares of them are not.
  @Test(arguments: RandomModel.designs)
  func largeNumbersWithinRangeAreUsed(_ c: ModelConfiguration) throws {
    let model = try model(c, seed: 63, times: [.down: 1e30])
    let ids = RandomModel.sequences(1, length: 9, seed: 64)
    let losses = try model.nll(sequences: ids)[0]
    #expect(losses.count == 8)
    // After block 1 its part of the sum is all that counts, so that tokens are told apart.
    #expect(Set(losses).count > 4, "\(losses)")
    #expect(try model.greedy(ids[0], maxTokens: 3).count == 3)
  }

  /// Values of about 10⁶ are beyond float16. Scaling by a power of two changes no other bit, so the
  /// caches that hold such values give the tokens of the unscaled model.
  @Test(arguments: [(LinearName.k, LinearName.q, "key"), (.v, .o, "value")])
  func aCacheThatCannotHoldANumberSaysWhich(
    _ scaled: LinearName, _ inverse: LinearName, _ part: String
  ) throws {
    let large = try model(seed: 66, times: [scaled: 0x1p20, inverse: 0x1p-20])
    let plain = try RandomModel.make(seed: 66)
    let ids: [Int32] = [3, 50, 7]
    let found = failure { () throws(Failure) in
      _ = try large.greedy(ids, maxTokens: 3, cache: .float16)
    }
    #expect(found?.kind == .invalidData)
    #expect(found?.reason == .cacheRange)
    #expect(found?.place == "layer 1, position 0")
    #expect(found?.finding.contains("the \(part) of head 0") == true)
    #expect(found?.finding.contains("65504") == true)
    for cache in [AttentionCache.Format.float32, .int8] {
      let expected = try plain.greedy(ids, maxTokens: 6, cache: cache)
      #expect(try large.greedy(ids, maxTokens: 6, cache: cache) == expected, "\(cache)")
    }
  }

  /// Values of about 10³ are large, but within float16's range.
  @Test func largeValuesWithinTheCachesRangeAreKept() throws {
    let large = try model(seed: 66, times: [.v: 0x1p10, .o: 0x1p-10])
    let tokens = try large.greedy([3, 50, 7], maxTokens: 6, cache: .float16)
    #expect(tokens == (try RandomModel.make(seed: 66).greedy([3, 50, 7], maxTokens: 6)))
  }

  /// A token that comes after the first pass, in the second of two texts, has a NaN embedding.
  @Test(arguments: AttentionCache.Format.allCases)
  func aLaterStepIsChecked(_ format: AttentionCache.Format) throws {
    let model = try RandomModel.make(seed: 67)
    let embedding = model.embedding.dense().copy()
    embedding[5, 0] = .nan
    let damaged = LanguageModel(
      configuration: model.configuration, input: InputLayer(embedding: .dense(embedding)),
      output: model.output, blocks: try (0..<3).map { try model.block($0) })
    let decoder = try TextDecoder(damaged, capacity: 8, format: format)
    _ = try decoder.begin([1, 2])
    _ = try decoder.begin([1, 2, 3])
    _ = try decoder.step([4, 6], texts: [0, 1])
    let found = failure { () throws(Failure) in _ = try decoder.step([7, 5], texts: [0, 1]) }
    #expect(found?.kind == .invalidData)
    #expect(found?.reason == .notFinite)
    #expect(found?.place == "text 1, layer 0, position 4")
  }

  /// The head's rows aren't part of any layer: one logit of every row is NaN.
  @Test func aLogitIsNamed() throws {
    let model = try RandomModel.make(seed: 68)
    let head = model.head.dense().copy()
    head[9, 3] = .nan
    let damaged = LanguageModel(
      configuration: model.configuration, input: model.input,
      output: OutputLayer(norm: model.output.norm, head: .dense(head)),
      blocks: try (0..<3).map { try model.block($0) })
    let generated = failure { () throws(Failure) in _ = try damaged.greedy([1, 2], maxTokens: 1) }
    #expect(generated?.place == "output layer, position 1")
    #expect(generated?.finding.contains("logit 9 is nan") == true)
    let scored = failure { () throws(Failure) in _ = try damaged.nll(sequences: [[1, 2, 3]]) }
    #expect(scored?.place == "output layer, position 0")
    let logits = failure { () throws(Failure) in _ = try Scorer(damaged).logits([1, 2, 3]) }
    #expect(logits?.finding.contains("logit of token 9 is nan") == true)
    let top = failure { () throws(Failure) in _ = try Teacher(damaged).top(4, of: [[1, 2, 3]]) }
    #expect(top?.kind == .invalidData)
  }

  /// Stored keys and values are float16: a prompt's that don't fit are refused with their place.
  @Test func aPromptsKeysBeyondFloat16AreNotStored() throws {
    let large = try model(seed: 66, times: [.v: 0x1p20, .o: 0x1p-20])
    let known = try KeyValues(of: large.embed([3, 50, 7]), in: large)
    let found = failure { () throws(Failure) in _ = try known.float16Bytes }
    #expect(found?.kind == .invalidData)
    #expect(found?.place == "layer 1, position 0")
    #expect(found?.finding.contains("the values") == true)
    let fits = try KeyValues(of: large.embed([3]), in: RandomModel.make(seed: 66)).float16Bytes
    #expect(fits.isFinite(as: .float16))
    var bytes = fits.array
    (bytes[4], bytes[5]) = (0, 0x7C)
    #expect(throws: Failure.self) {
      try KeyValues(stored: ByteSlice(bytes), tokens: 1, for: large.configuration)
    }
  }
}
