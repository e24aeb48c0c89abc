import Bytes
import Checkpoints
import Foundation
import Testing

/// Tokenizers of folders and GGUF files without weights.
@Suite struct TokenizerOnlyTests {
  /// A GGUF file with a vocabulary of three tokens; with an embedding of `rows` rows where given.
  private func gguf(rows: UInt64? = nil, _ edit: (inout GGUFBuilder) -> Void = { _ in }) -> [UInt8]
  {
    var builder = GGUFBuilder()
    builder.value("tokenizer.ggml.model", "gpt2")
    let tokens = ["a", "b", "ab"].flatMap(GGUFBuilder.string)
    builder.value(
      "tokenizer.ggml.tokens", type: 9,
      GGUFBuilder.bytes(UInt32(8)) + GGUFBuilder.bytes(UInt64(3)) + tokens)
    edit(&builder)
    if let rows {
      builder.tensor("token_embd.weight", [8, rows], offset: 0)
      builder.data = [UInt8](repeating: 0, count: Int(rows) * 32)
    }
    return builder.file.array
  }

  @Test func aGGUFFileNeedsNoWeights() throws {
    let folder = try TemporaryFolder()
    for (name, rows) in [("vocabulary.gguf", nil), ("exact.gguf", 3), ("padded.gguf", 4)]
      as [(String, UInt64?)]
    {
      try folder.write(gguf(rows: rows), name)
      let path = folder.path + "/" + name
      let (material, files) = try Checkpoint.tokenizer(at: path)
      guard case .gguf(let vocabulary) = material else {
        Issue.record("no vocabulary in \(name)")
        continue
      }
      #expect(vocabulary.tokens.count == 3 && files == [path])
    }
  }

  @Test func theVocabularyFitsTheEmbeddingWhereThereIsOne() throws {
    let folder = try TemporaryFolder()
    try folder.write(gguf(rows: 2), "small.gguf")
    expectFailure(.invalidData, "small.gguf", "tokenizer.ggml.tokens", "3 tokens", "embedding of 2")
    {
      _ = try Checkpoint.tokenizer(at: folder.path + "/small.gguf")
    }
  }

  @Test func aFolderNeedsNeitherConfigurationNorWeights() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("{}".utf8), "tokenizer.json")
    for path in [folder.path, folder.path + "/"] {
      let (material, files) = try Checkpoint.tokenizer(at: path)
      guard case .huggingFace(let json) = material else {
        Issue.record("no tokenizer.json")
        continue
      }
      #expect(json.array == Array("{}".utf8) && files == [folder.path + "/tokenizer.json"])
    }
    let older = try TemporaryFolder()
    try older.write(Array("{}".utf8), "vocab.json")
    try older.write([], "merges.txt")
    guard case (.bytePair, let files) = try Checkpoint.tokenizer(at: older.path) else {
      Issue.record("no vocab.json and merges.txt")
      return
    }
    #expect(files == [older.path + "/vocab.json", older.path + "/merges.txt"])
  }

  @Test func noTokenizerIsSaidByTheMaterial() throws {
    let folder = try TemporaryFolder()
    guard case (.none, let files) = try Checkpoint.tokenizer(at: folder.path) else {
      Issue.record("a tokenizer out of nowhere")
      return
    }
    #expect(files.isEmpty)
    expectFailure(.inputMissing, "/nowhere/at/all") {
      _ = try Checkpoint.tokenizer(at: "/nowhere/at/all")
    }
  }
}
