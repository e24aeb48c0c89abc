import Bytes
import Checkpoints
import Foundation
import TestSupport
import Testing

/// Tiny models written by transformers and the gguf package, with the values of every tensor.
@Suite struct GoldenModelTests {
  static let models = [
    "llama-tied", "llama3-sharded", "qwen2", "mistral-old", "llama-plain.gguf",
    "llama-quantized.gguf", "llama3-factors.gguf", "qwen2-plain.gguf", "qwen3", "qwen3-plain.gguf",
  ]

  private func facts(_ model: String) throws -> JSON {
    try Golden.json(model.replacingOccurrences(of: ".gguf", with: "") + ".json")
  }

  @Test(arguments: models) func holdsExactlyTheTensors(_ model: String) throws {
    let source = try Checkpoint.open(Golden.path(model))
    let expected = try facts(model).required("tensors", as: JSONObject.self)
    #expect(Set(source.tensorNames) == Set(expected.keys))
    #expect(source.tensorNames.count == expected.count)
    #expect(source.shape(of: "model.layers.0.nothing") == nil)
    expectFailure(.invalidData, "no such tensor") { _ = try source.tensor("rope_freqs.weight") }
  }

  @Test(arguments: models) func readsTheValues(_ model: String) throws {
    let source = try Checkpoint.open(Golden.path(model))
    for (name, fact) in try facts(model).required("tensors", as: JSONObject.self) {
      try expect(name, in: source, matches: fact)
      #expect(Checkpoint.firstNonFinite(in: try source.tensor(name)) == nil)
    }
  }

  /// The stored floats of a tensor must have the same values as the tensor itself.
  @Test(arguments: models) func storedFloatsAgreeWithTheTensors(_ model: String) throws {
    let source = try Checkpoint.open(Golden.path(model))
    for name in source.tensorNames {
      guard let (format, bytes) = source.storedFloats(name) else {
        #expect(model.hasSuffix(".gguf"), "\(name): a folder contains only plain floats in order")
        continue
      }
      let names: [FloatFormat: String] = [.float32: "F32", .float16: "F16", .bfloat16: "BF16"]
      #expect(names[format] == source.sourceType(of: name))
      let values = try source.tensor(name).values
      #expect(bytes.count == values.count * format.byteCount)
      for index in [0, values.count / 2, values.count - 1] {
        let stored: Float?
        switch format {
        case .float32:
          stored = bytes.integer(at: 4 * index, as: UInt32.self).map(Float.init(bitPattern:))
        case .float16:
          stored = bytes.integer(at: 2 * index, as: UInt16.self).map {
            Float(Float16(bitPattern: $0))
          }
        case .bfloat16:
          stored = bytes.integer(at: 2 * index, as: UInt16.self).map {
            Float(bitPattern: UInt32($0) << 16)
          }
        }
        #expect(stored == values[index], "\(name)[\(index)]")
      }
    }
  }

  @Test func permutedRowsHaveNoStoredFloats() throws {
    let llama = try Checkpoint.open(Golden.path("llama-plain.gguf"))
    #expect(llama.storedFloats("model.layers.0.self_attn.q_proj.weight") == nil)
    #expect(llama.storedFloats("model.layers.1.self_attn.k_proj.weight") == nil)
    #expect(llama.storedFloats("model.layers.1.self_attn.v_proj.weight") != nil)
    let qwen = try Checkpoint.open(Golden.path("qwen2-plain.gguf"))
    #expect(qwen.storedFloats("model.layers.0.self_attn.q_proj.weight") != nil)
  }

  @Test(arguments: models) func rotaryFrequenciesAreThoseOfTransformers(_ model: String) throws {
    let computed = try Checkpoint.open(Golden.path(model)).configuration.inverseFrequencies()
    let expected = try facts(model).required("inverse_frequencies", as: [JSON].self)
    #expect(computed.count == expected.count)
    for (value, wanted) in zip(computed, expected.compactMap(\.double)) {
      // Golden data: a power, a quotient and a scale, each rounded to float32 by two programs whose
      // powers are good to two units in the last place; 16 units in all.
      #expect(abs(Double(value) - wanted) <= Rounding.gamma(16) * wanted)
    }
  }

  @Test(arguments: models) func namesEveryFileItRead(_ model: String) throws {
    let files = try Checkpoint.open(Golden.path(model)).files
    let onDisk =
      model.hasSuffix(".gguf")
      ? [Golden.path(model)]
      : try FileManager.default.contentsOfDirectory(atPath: Golden.path(model)).map {
        Golden.path(model) + "/" + $0
      }
    #expect(files.sorted() == onDisk.sorted())
  }

  @Test func readsTheVocabularyOfAGGUFFile() throws {
    let source = try Checkpoint.open(Golden.path("llama-plain.gguf"))
    guard case .gguf(let vocabulary) = source.tokenizer else {
      Issue.record("the file has no vocabulary")
      return
    }
    #expect(vocabulary.model == "gpt2")
    #expect(vocabulary.preTokenizer == "smollm")
    #expect(
      vocabulary.tokens.map { String(decoding: $0, as: UTF8.self) } == (0..<23).map { "t\($0)" })
    #expect(vocabulary.types == [3, 3, 3] + [Int32](repeating: 1, count: 20))
    #expect(vocabulary.merges == [Array("t 1".utf8), Array("t 2".utf8)])
    #expect(vocabulary.scores.isEmpty)
    #expect(vocabulary.bosToken == 1 && vocabulary.eosToken == 2 && vocabulary.unknownToken == nil)
    #expect(vocabulary.addBOS == false && vocabulary.addSpacePrefix == nil)
  }

  @Test func readsTheTokenizerOfAFolder() throws {
    let folder = try TemporaryFolder(copying: "qwen2")
    guard case .none = try Checkpoint.open(folder.path).tokenizer else {
      Issue.record("the folder has an unexpected tokenizer")
      return
    }
    try folder.write(Array("{}".utf8), "vocab.json")
    guard case .none = try Checkpoint.open(folder.path).tokenizer else {
      Issue.record("vocab.json alone was taken for a tokenizer")
      return
    }
    try folder.write([1, 2], "merges.txt")
    let older = try Checkpoint.open(folder.path)
    guard case .bytePair(let files) = older.tokenizer else {
      Issue.record("the folder has no tokenizer")
      return
    }
    #expect(files.vocabulary.count == 2 && files.merges.array == [1, 2] && files.settings == nil)
    #expect(older.files.suffix(2) == [folder.path + "/vocab.json", folder.path + "/merges.txt"])
    let text = Array("{\"any\": \"thing\"}".utf8)
    try folder.write(text, "tokenizer.json")
    let source = try Checkpoint.open(folder.path + "/")
    guard case .huggingFace(let json) = source.tokenizer else {
      Issue.record("the folder has no tokenizer")
      return
    }
    #expect(json.array == text)
    #expect(source.files.contains(folder.path + "/tokenizer.json"))
  }
}
