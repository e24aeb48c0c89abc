import Bytes
import Checkpoints
import Foundation
import TestSupport
import Testing
import Text

@Suite("Vocabularies inside GGUF files")
struct GGUFTests {
  /// The vocabulary of a golden tokenizer in the form of a GGUF file.
  private func vocabulary(_ name: String, pre: String) throws -> GGUFVocabulary {
    let root = try Golden.json("\(name).tokenizer.json")
    let model = try root.required("model")
    let vocab = try model.required("vocab", as: JSONObject.self)
    var tokens = [[UInt8]](repeating: [], count: vocab.count)
    for (text, id) in vocab { tokens[id.int ?? 0] = Array(text.utf8) }
    var types = [Int32](repeating: 1, count: vocab.count)
    for token in root["added_tokens"]?.array ?? [] { types[token["id"]?.int ?? 0] = 3 }
    let merges = (model["merges"]?.array ?? []).map { merge in
      Array((merge.array ?? []).compactMap(\.string).joined(separator: " ").utf8)
    }
    return GGUFVocabulary(
      model: "gpt2", preTokenizer: pre, tokens: tokens, types: types, scores: [], merges: merges,
      bosToken: 0, eosToken: 2, unknownToken: nil, addBOS: nil, addSpacePrefix: nil)
  }

  @Test(
    "byte-level vocabularies agree with their tokenizer.json",
    arguments: [("byte-level", "gpt-2"), ("digits", "smollm"), ("llama3", "llama-bpe")])
  func byteLevel(name: String, pre: String) throws {
    let tokenizer = try Tokenizer(gguf: vocabulary(name, pre: pre))
    let rows = try Golden.json("\(name).expected.json").required("cases", as: [JSON].self)
    for (bytes, row) in zip(try Golden.hardCases(), rows) {
      #expect(tokenizer.encode(bytes: bytes) == Golden.ids(row[0]))
    }
    #expect(tokenizer.bosToken == 0 && tokenizer.eosToken == 2)
    let framed = tokenizer.encode("a", addSpecialTokens: true)
    #expect((framed.first == 0) == (pre == "llama-bpe"))
  }

  @Test("qwen2 splits numbers digit by digit; default decodes to the text")
  func otherSplits() throws {
    let qwen = try Tokenizer(gguf: vocabulary("byte-level", pre: "qwen2"))
    #expect(qwen.encode("12345").count == 5)
    let standard = try Tokenizer(gguf: vocabulary("byte-level", pre: "default"))
    let text = "x1234 a+b $5"
    #expect(standard.decode(standard.encode(text)) == text)
  }

  @Test("a vocabulary with scores gives the ids of the converted tokenizer")
  func scored() throws {
    let golden = try Golden.json("scored.json")
    let vocabulary = GGUFVocabulary(
      model: "llama", preTokenizer: "default",
      tokens: (golden["tokens"]?.array ?? []).map { Array(($0.string ?? "").utf8) },
      types: Golden.ids(golden["types"]),
      scores: (golden["scores"]?.array ?? []).map { Float($0.double ?? 0) }, merges: [],
      bosToken: 1, eosToken: 2, unknownToken: 0, addBOS: nil, addSpacePrefix: nil)
    let tokenizer = try Tokenizer(gguf: vocabulary)
    let expected = try golden.required("ids", as: [JSON].self)
    for (index, (bytes, ids)) in zip(try Golden.hardCases(), expected).enumerated() {
      #expect(tokenizer.encode(bytes: bytes) == Golden.ids(ids), "case \(index)")
    }
    #expect(tokenizer.encode("a", addSpecialTokens: true).first == 1)
    #expect(tokenizer.decode(tokenizer.encode("Hello  there\n中")) == "Hello  there\n中")
    try checkRoundTrip(tokenizer)
  }

  @Test(
    "the canonical document reads back to the same tokenizer",
    arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2", "default"])
  func roundTrip(pre: String) throws {
    let vocabulary = try vocabulary("byte-level", pre: pre)
    let tokenizer = try Tokenizer(gguf: vocabulary)
    #expect(tokenizer.canonicalJSON == (try Tokenizer(gguf: vocabulary).canonicalJSON))
    try checkRoundTrip(tokenizer)
  }

  private func checkRoundTrip(_ tokenizer: Tokenizer) throws {
    let document = tokenizer.canonicalJSON
    let again = try Tokenizer(json: ByteSlice(document))
    #expect(try JSON(parsing: document).canonicalBytes == document)
    #expect(again.bosToken == tokenizer.bosToken && again.eosToken == tokenizer.eosToken)
    #expect(again.vocabularySize == tokenizer.vocabularySize)
    for bytes in try Golden.hardCases() {
      let ids = tokenizer.encode(bytes: bytes, addSpecialTokens: true)
      #expect(again.encode(bytes: bytes, addSpecialTokens: true) == ids)
      #expect(again.decode(ids) == tokenizer.decode(ids))
    }
  }

  @Test("invalid vocabularies are refused by name")
  func refused() throws {
    func finding(_ change: (inout GGUFVocabulary) -> Void) throws -> String {
      var vocabulary = try vocabulary("byte-level", pre: "gpt-2")
      change(&vocabulary)
      do {
        _ = try Tokenizer(gguf: vocabulary, file: "f.gguf")
        return "accepted"
      } catch {
        #expect(error.kind == .invalidData && error.file == "f.gguf")
        return error.description
      }
    }
    #expect(try finding { $0.model = "bert" }.contains("tokenizer.ggml.model"))
    #expect(try finding { $0.preTokenizer = "tekken" }.contains("\"tekken\""))
    #expect(try finding { $0.tokens[5] = [0xFF] }.contains("the token 5"))
    #expect(
      try finding { $0.tokens[5] = $0.tokens[6] }.contains("appears twice: it is the token 5"))
    #expect(try finding { $0.merges = nil }.contains("tokenizer.ggml.merges: is missing"))
    #expect(
      try finding { ($0.addEOS, $0.eosToken) = (true, nil) }.contains("eos_token_id is missing"))
    #expect(try finding { $0.types.removeLast() }.contains("token_type"))
    #expect(try finding { $0.merges?[3] = Array("a b c".utf8) }.contains("merges[3]"))
    #expect(try finding { $0.merges?[3] = Array("zzzz a".utf8) }.contains("\"zzzz\""))
    #expect(try finding { $0.bosToken = 1 << 20 }.contains("bos_token_id"))
    #expect(try finding { $0.model = "llama" }.contains("scores"))
    #expect(
      try finding {
        $0.model = "llama"
        $0.tokens[9] = [UInt8](repeating: 0x61, count: 1 << 16)
        $0.scores = [Float](repeating: 0, count: $0.tokens.count)
      }.contains("too long"))
  }

  @Test("several empty tokens are read, as in llama.cpp")
  func emptyTokens() throws {
    let plain = try vocabulary("byte-level", pre: "gpt-2")
    var changed = plain
    changed.tokens += [[], [], Array("x1".utf8)]
    changed.types += [1, 1, 1]
    let tokenizer = try Tokenizer(gguf: changed)
    let count = plain.tokens.count
    #expect(tokenizer.vocabularySize == count + 3)
    #expect(tokenizer.token(Int32(count)) == "")
    #expect(tokenizer.token(Int32(count + 1)) == "[EMPTY_\(count + 1)]")
    let reference = try Tokenizer(gguf: plain)
    for bytes in try Golden.hardCases() {
      #expect(tokenizer.encode(bytes: bytes) == reference.encode(bytes: bytes))
    }
    try checkRoundTrip(tokenizer)
  }

  @Test("add_eos_token adds a token after the text; keys of the other model have no effect")
  func keys() throws {
    var vocabulary = try vocabulary("byte-level", pre: "gpt-2")
    let plain = try Tokenizer(gguf: vocabulary)
    vocabulary.addEOS = true
    vocabulary.addBOS = true
    vocabulary.addSpacePrefix = true
    vocabulary.scores = [Float](repeating: 1, count: vocabulary.tokens.count)
    let tokenizer = try Tokenizer(gguf: vocabulary)
    #expect(tokenizer.encode("the hare") == plain.encode("the hare"))
    let framed = tokenizer.encode("the hare", addSpecialTokens: true)
    #expect(framed == [0] + plain.encode("the hare") + [2])
    try checkRoundTrip(tokenizer)
  }

  @Test(
    "SmolLM2's vocabulary gives the ids of its tokenizer.json",
    .enabled(if: RealModel.isPresent, Comment(rawValue: RealModel.skipReason)))
  func realVocabulary() throws {
    let source = try Checkpoint.open(try #require(RealModel.gguf))
    guard case .gguf(let vocabulary) = source.tokenizer else {
      Issue.record("the file has no vocabulary")
      return
    }
    let tokenizer = try Tokenizer(gguf: vocabulary)
    #expect(tokenizer.vocabularySize == 49152)
    let golden = try Golden.json("smollm2.json")
    for (index, bytes) in try Golden.hardCases().enumerated() {
      let ids = tokenizer.encode(bytes: bytes)
      #expect(Array(ids.prefix(8)) == Golden.ids(golden["first"]?[index]), "case \(index)")
      let raw = ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * Int32($0))) }
      }
      #expect(SHA256Digest(hashing: raw).hex == golden["sha256"]?[index]?.string, "case \(index)")
    }
  }
}
