import Models
import Numerics
import Testing

@Suite struct GenerationTests {
  /// The cache must give what a full pass over the whole text gives at every step.
  @Test func theCacheFollowsTheFullPass() throws {
    let model = try TinyModel.make(seed: 31, bits: 8)
    let start: [Int32] = [3, 50, 7]
    let tokens = try model.greedy(start, maxTokens: 9)
    #expect(tokens.count == 9)
    var text = start
    for token in tokens {
      let logits = try Scorer(model).logits(text)
      let last = (0..<logits.columns).map { logits[text.count - 1, $0] }
      #expect(last[Int(token)] >= (last.max() ?? 0) - 1e-4)
      text.append(token)
    }
  }

  @Test func aPromptOfEmbeddingsContinuesLikeItsText() throws {
    let model = try TinyModel.make(seed: 32)
    let text = TinyModel.sequences(1, length: 9, seed: 33)[0]
    let prompt = try model.embed(Array(text[..<5]))
    let expected = try model.greedy(text, maxTokens: 6)
    #expect(try model.greedy(Array(text[5...]), prompt: prompt, maxTokens: 6) == expected)
    #expect(try model.greedy([], prompt: model.embed(text), maxTokens: 6) == expected)
  }

  @Test func itStopsWhereToldTo() throws {
    let model = try TinyModel.make(seed: 34)
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
}
