import Bytes
import Checkpoints
import TestSupport
import Testing

/// SmolLM2-135M-Instruct as shipped in its package (GGUF, Q4_1 with a Q8_0 embedding).
@Suite(.enabled(if: RealModel.isPresent, "\(RealModel.skipReason)"))
struct RealModelTests {
  private func source() throws -> any TensorSource {
    try Checkpoint.open(try #require(RealModel.gguf))
  }

  @Test func configuration() throws {
    #expect(
      try source().configuration
        == ModelConfiguration(
          family: .llama, vocabularySize: 49152, hiddenSize: 576, intermediateSize: 1536,
          layers: 30,
          heads: 9, kvHeads: 3, headDim: 64, normEpsilon: 1e-5, ropeTheta: 100000,
          tiedEmbeddings: true, maximumPositions: 8192, bosToken: 1, eosTokens: [2]))
  }

  @Test func vocabulary() throws {
    guard case .gguf(let vocabulary) = try source().tokenizer else {
      Issue.record("the file has no vocabulary")
      return
    }
    #expect(vocabulary.preTokenizer == "smollm" && vocabulary.model == "gpt2")
    #expect(vocabulary.tokens.count == 49152 && vocabulary.merges?.count == 48900)
    #expect(vocabulary.types.count == 49152 && vocabulary.addBOS == false)
  }

  @Test func values() throws {
    let source = try source()
    let expected = try #require(try Golden.json("smollm2.json").object)
    #expect(expected.count == 7)
    for (name, fact) in expected { try expect(name, in: source, matches: fact) }
  }
}
