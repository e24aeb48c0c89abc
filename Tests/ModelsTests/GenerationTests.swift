import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import Testing

/// Generation through key-value caches, against full forward passes.
@Suite struct GenerationTests {
  /// Each generated token has the highest logit of a full pass over the text so far.
  @Test(arguments: RandomModel.designs)
  func cachedStepsAgreeWithTheFullPass(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 31, bits: 8, configuration: c)
    let start: [Int32] = [3, 50, 7]
    let tokens = try model.greedy(start, maxTokens: 9)
    #expect(tokens.count == 9)
    var text = start
    for token in tokens {
      let logits = try Scorer(model).logits(text)
      let last = (0..<logits.columns).map { logits[text.count - 1, $0] }
      // On this fixture logits of caches and of whole passes, of about 5, differ by 10⁻⁵.
      #expect(last[Int(token)] >= (last.max() ?? 0) - 1e-4)
      text.append(token)
    }
  }

  @Test(arguments: RandomModel.designs)
  func aPromptOfEmbeddingsContinuesLikeItsText(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 32, configuration: c)
    let text = RandomModel.sequences(1, length: 9, seed: 33)[0]
    let prompt = try model.embed(Array(text[..<5]))
    let expected = try model.greedy(text, maxTokens: 6)
    #expect(try model.greedy(Array(text[5...]), prompt: .vectors(prompt), maxTokens: 6) == expected)
    #expect(try model.greedy([], prompt: .vectors(model.embed(text)), maxTokens: 6) == expected)
  }

  @Test func generationStopsAtStopTokensAndOnRequest() throws {
    let model = try RandomModel.make(seed: 34)
    let tokens = try model.greedy([1, 2], maxTokens: 8)
    let stop = tokens[3]
    let first = tokens.firstIndex(of: stop) ?? 0
    #expect(try model.greedy([1, 2], maxTokens: 8, stopTokens: [stop]) == Array(tokens[..<first]))
    var seen = 0
    let two = try model.greedy([1, 2], maxTokens: 8) { _ in
      seen += 1
      return seen < 2
    }
    #expect(two == Array(tokens[..<2]))
    #expect(try model.greedy([1, 2], maxTokens: 0).isEmpty)
  }

  /// Texts of different lengths, decoded together, continue as each does alone; a prompt's stored
  /// keys and values give nearly the logits of its vectors.
  @Test(arguments: AttentionCache.Format.allCases, RandomModel.designs)
  func textsDecodedTogetherContinueAsAlone(_ format: AttentionCache.Format, _ c: ModelConfiguration)
    throws
  {
    let model = try RandomModel.make(seed: 36, bits: 4, configuration: c)
    let texts: [[Int32]] = [[3, 50, 7], [9], RandomModel.sequences(1, length: 300, seed: 37)[0]]
    let prompt = try model.embed([5, 6, 7, 8])
    let known = try KeyValues(of: prompt, in: model).float16Bytes
    var settings = GenerationSettings()
    (settings.maxTokens, settings.cache) = (7, format)
    let together = try model.generate(texts, prompt: .vectors(prompt), settings: settings)
    for (text, tokens) in zip(texts, together.tokens) {
      #expect(tokens.count == 7)
      #expect(
        try model.greedy(text, prompt: .vectors(prompt), maxTokens: 7, cache: format) == tokens)
    }
    let again = try KeyValues(
      stored: known, tokens: 4, for: model.configuration)
    let decoder = try TextDecoder(model, capacity: 20, format: format)
    let exact = try decoder.begin([3, 50], prompt: .vectors(prompt))
    let stored = try decoder.begin([3, 50], prompt: .keyValues(again))
    // An outcome: four keys rounded to float16, 2⁻¹¹ of numbers of about 1, in logits of about 5.
    for (a, b) in zip(exact, stored) { #expect(abs(a - b) < 0.02, "\(format)") }
    #expect(decoder.rows(of: 0) == 6 && decoder.rows(of: 1) == 6)
    #expect(throws: Failure.self) {
      try KeyValues(stored: known, tokens: 5, for: model.configuration)
    }
  }

  /// Logits from float16 and int8 caches stay close to those from a float32 cache: outcomes on a
  /// fixture, of the size of the formats' own rounding (2⁻¹¹ and 1/254 of a head's largest number).
  @Test(arguments: [(AttentionCache.Format.float16, Float(0.002)), (.int8, 0.05)])
  func roundedCachesAreClose(_ format: AttentionCache.Format, _ tolerance: Float) throws {
    let model = try RandomModel.make(seed: 38)
    let text = RandomModel.sequences(1, length: 280, seed: 39)[0]
    var all: [[Float]] = []
    for format in [.float32, format] {
      let decoder = try TextDecoder(model, capacity: 300, format: format)
      _ = try decoder.begin(text)
      for token: Int32 in [4, 8, 15] { all.append(try decoder.step([token], texts: [0]).values) }
    }
    for step in 0..<3 {
      let size = all[step].reduce(0) { $0 + $1 * $1 }
      let off = zip(all[step], all[step + 3]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      #expect((off / size).squareRoot() < tolerance)
    }
  }

  @Test func aFullTextIsRefused() throws {
    let model = try RandomModel.make(seed: 40)
    let decoder = try TextDecoder(model, capacity: 3)
    _ = try decoder.begin([1, 2])
    _ = try decoder.step([3], texts: [0])
    #expect(throws: Failure.self) { try decoder.step([4], texts: [0]) }
    #expect(throws: Failure.self) { try decoder.begin([1, 2, 3, 4]) }
    #expect(throws: Failure.self) { try decoder.step([-1], texts: [0]) }
  }

  @Test(arguments: Arithmetic.allCases)
  func threadsDoNotChangeTheBits(_ arithmetic: Arithmetic) throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    var first: [Float] = []
    for threads in [1, 2, 3, 8] {
      Parallel.threads = threads
      let model = try RandomModel.make(seed: 41, bits: 3)
      let exact = LanguageModel(
        configuration: model.configuration, input: model.input, output: model.output,
        blocks: try (0..<model.configuration.layers).map { index in
          var block = try model.block(index)
          block.arithmetic = arithmetic
          return block
        })
      let decoder = try TextDecoder(exact, capacity: 310)
      _ = try decoder.begin(RandomModel.sequences(1, length: 290, seed: 42)[0])
      _ = try decoder.begin([3, 1, 4])
      var logits: [Float] = []
      for token: Int32 in [1, 5, 9] {
        logits += try decoder.step([token, token + 1], texts: [0, 1]).values
      }
      if first.isEmpty { first = logits }
      #expect(logits == first, "\(threads) threads, \(arithmetic)")
    }
  }

  @Test func generationEndsAtTheModelsPositions() throws {
    var short = RandomModel.configuration
    short.maximumPositions = 12
    let model = try RandomModel.make(seed: 43, configuration: short)
    // The last token needs no position of its own.
    #expect(try model.greedy([1, 2, 3], maxTokens: 1_000_000).count == 10)
    #expect(try model.greedy([Int32](repeating: 1, count: 20), maxTokens: 5).count == 5)
  }

  /// A model with learned positions never continues a text past the end of their table.
  @Test func learnedPositionsAreAHardLimit() throws {
    var short = RandomModel.opt
    short.maximumPositions = 12
    let model = try RandomModel.make(seed: 44, configuration: short)
    #expect(try model.greedy([1, 2, 3], maxTokens: 1_000_000).count == 10)
    let full = [Int32](repeating: 1, count: 12)
    #expect(try model.greedy(full, maxTokens: 5).count == 1)
    #expect(throws: Failure.self) { try model.greedy(full + [1], maxTokens: 5) }
    #expect(throws: Failure.self) { try TextDecoder(model, capacity: 13) }
  }
}
