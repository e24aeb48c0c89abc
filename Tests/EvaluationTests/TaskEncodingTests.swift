import Evaluation
import Models
import Testing

/// The rule by which lm-evaluation-harness cuts a context from its continuation, on cases by hand.
@Suite struct TaskEncodingTests {
  private func tokens(
    _ context: String, _ continuation: String, _ tokenizer: TaskTokenizer = ToyTokenizer.make()
  ) throws -> ScoredTokens {
    try tokenizer.tokens(of: TaskItem.Pair(context: context, continuation: continuation))
  }

  @Test func theContinuationBeginsAfterTheContextsTokens() throws {
    // Q: 81 − 57 = 24; A: 8. " A" is one token.
    #expect(try tokens("Q", " A") == ScoredTokens(ids: [27, 68], firstScored: 1))
    #expect(try tokens("QQ", "AA") == ScoredTokens(ids: [27, 27, 11, 11], firstScored: 2))
  }

  @Test func whitespaceAtTheContextsEndMoves() throws {
    let expected = ScoredTokens(ids: [27, 68], firstScored: 1)
    #expect(try tokens("Q ", "A") == expected)
    // Two spaces: one is a token of its own.
    #expect(try tokens("Q ", " A") == ScoredTokens(ids: [27, 2, 68], firstScored: 1))
    // A newline moves too: 10 % 57.
    #expect(try tokens("Q\n", "A") == ScoredTokens(ids: [27, 13, 11], firstScored: 1))
  }

  @Test func specialTokensComeFromTheTokenizer() throws {
    let tokenizer = ToyTokenizer.make(addsBOS: true)
    #expect(try tokens("Q", " A", tokenizer) == ScoredTokens(ids: [1, 27, 68], firstScored: 2))
    // A context that begins with BOS's text gets none: 94 % 57 = 37.
    #expect(try tokens("^Q", " A", tokenizer) == ScoredTokens(ids: [40, 27, 68], firstScored: 2))
  }

  @Test func withoutAContextTheBOSComesBefore() throws {
    #expect(try tokens("", "AA") == ScoredTokens(ids: [1, 11, 11], firstScored: 1))
    #expect(try tokens(" ", "A") == ScoredTokens(ids: [1, 68], firstScored: 1))
    let none = #expect(throws: TemplateProblem.self) {
      try tokens("", "A", ToyTokenizer.make(prefix: nil))
    }
    #expect(none?.text.contains("neither BOS nor EOS") == true)
  }

  @Test func aContinuationWithoutTokensIsRefused() {
    for context in ["Q", ""] {
      let problem = #expect(throws: TemplateProblem.self) { try tokens(context, "") }
      #expect(problem?.text.contains("token") == true)
    }
  }
}
