import Bytes
import Checkpoints
import Foundation
import Testing

/// Model folders that differ from a valid one in one place.
@Suite struct HuggingFaceFolderTests {
  private let index = "model.safetensors.index.json"

  /// A copy of the sharded model with an edited weight map.
  private func sharded(_ edit: (inout JSONObject) -> Void) throws -> TemporaryFolder {
    let folder = try TemporaryFolder(copying: "llama3-sharded")
    var json = try #require(try Golden.json("llama3-sharded/" + index).object)
    var map = try #require(json["weight_map"]?.object)
    edit(&map)
    json["weight_map"] = .object(map)
    try folder.write(JSON.object(json).canonicalBytes, index)
    return folder
  }

  @Test func missingFilesAreNamed() throws {
    expectFailure(.inputMissing, "/nowhere/at/all") { _ = try Checkpoint.open("/nowhere/at/all") }
    let folder = try TemporaryFolder()
    expectFailure(.inputMissing, "config.json") { _ = try Checkpoint.open(folder.path) }
    try folder.write(try Golden.bytes("qwen2/config.json"), "config.json")
    expectFailure(.inputMissing, "neither model.safetensors nor pytorch_model.bin") {
      _ = try Checkpoint.open(folder.path)
    }
    try folder.write([1], "pytorch_model.bin")
    expectFailure(.invalidData, "pytorch_model.bin", "isn't a zip archive") {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test func aMissingShardIsNamed() throws {
    let folder = try TemporaryFolder(copying: "llama3-sharded")
    try FileManager.default.removeItem(atPath: folder.path + "/model-00003-of-00004.safetensors")
    expectFailure(.inputMissing, "model-00003-of-00004.safetensors") {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test(arguments: [
    "../model-00001-of-00004.safetensors", "/etc/passwd", "/tmp/x.safetensors", ".safetensors",
    "..safetensors/x.safetensors", "model.bin", "", "a\nb.safetensors",
  ]) func pathsInTheIndexAreRefused(_ path: String) throws {
    let folder = try sharded { $0["model.norm.weight"] = .string(path) }
    expectFailure(.invalidData, index, "model.norm.weight", "isn't the name of a safetensors file")
    {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test func anIndexOfPyTorchFilesNamesNoOthers() throws {
    let folder = try TemporaryFolder(copying: "llama3-bin")
    for name in ["model.safetensors", "../pytorch_model-00001-of-00002.bin", ".bin"] {
      let map: JSONObject = ["model.norm.weight": .string(name)]
      let text = JSON.object(["weight_map": .object(map)]).canonicalBytes
      try folder.write(text, "pytorch_model.bin.index.json")
      expectFailure(
        .invalidData, "pytorch_model.bin.index.json", "isn't the name of a PyTorch file"
      ) { _ = try Checkpoint.open(folder.path) }
    }
    try FileManager.default.removeItem(atPath: folder.path + "/pytorch_model-00002-of-00002.bin")
    let index = try Golden.bytes("llama3-bin/pytorch_model.bin.index.json")
    try folder.write(index, "pytorch_model.bin.index.json")
    expectFailure(.inputMissing, "pytorch_model-00002-of-00002.bin") {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test func anIndexThatDisagreesWithItsFilesIsRefused() throws {
    let elsewhere = try sharded { map in
      map["model.embed_tokens.weight"] = "model-00004-of-00004.safetensors"
    }
    expectFailure(.invalidData, index, "model.embed_tokens.weight", "isn't in") {
      _ = try Checkpoint.open(elsewhere.path)
    }
    let unlisted = try sharded { $0["model.norm.weight"] = nil }
    expectFailure(.invalidData, "safetensors: tensor \"model.norm.weight\"", "isn't listed") {
      _ = try Checkpoint.open(unlisted.path)
    }
    let notText = try sharded { $0["model.norm.weight"] = 4 }
    expectFailure(.invalidData, index, "expected a file name") {
      _ = try Checkpoint.open(notText.path)
    }
    let folder = try TemporaryFolder(copying: "llama3-sharded")
    try folder.write(Array("{}".utf8), index)
    expectFailure(.invalidData, index, "weight_map") { _ = try Checkpoint.open(folder.path) }
  }

  private func reconfigured(_ model: String, _ changes: JSONObject) throws -> TemporaryFolder {
    let folder = try TemporaryFolder(copying: model)
    var settings = try #require(try Golden.json(model + "/config.json").object)
    for (key, value) in changes { settings[key] = value }
    try folder.write(JSON.object(settings).canonicalBytes, "config.json")
    return folder
  }

  @Test(
    arguments: [
      ("llama-tied", "vocab_size", 54, "\"model.embed_tokens.weight\": has shape [53, 24]"),
      (
        "llama-tied", "num_hidden_layers", 3,
        "\"model.layers.2.input_layernorm.weight\": is missing"
      ),
      ("llama-tied", "num_hidden_layers", 1, "isn't part of the model"),
      ("llama-tied", "tie_word_embeddings", false, "\"lm_head.weight\": is missing"),
      ("qwen2", "model_type", "llama", "self_attn.k_proj.bias\": isn't part"),
      ("mistral-old", "intermediate_size", 20, "gate_proj.weight\": has shape [19, 12]"),
      ("mistral-old", "num_key_value_heads", 2, "k_proj.weight\": has shape [6, 12]"),
    ] as [(String, String, JSON, String)])
  func aConfigurationThatDoesNotFitIsRefused(
    _ model: String, _ key: String, _ value: JSON, _ finding: String
  ) throws {
    let folder = try reconfigured(model, [key: value, "architectures": nil])
    expectFailure(.invalidData, "model.safetensors", finding) {
      _ = try Checkpoint.open(folder.path)
    }
  }

  /// transformers ignores them, too; a note says so.
  @Test func unknownKeysAreNamedInANote() throws {
    let folder = try reconfigured("qwen2", ["clip_qkv": 8, "embedding_multiplier": 12])
    let notes = try Checkpoint.open(folder.path).notes
    #expect(notes.count == 1)
    let note = try #require(notes.first)
    for part in ["config.json", "Qwen2", "transformers", "\"clip_qkv\", \"embedding_multiplier\""] {
      #expect(note.contains(part), "\(note)")
    }
  }

  @Test(arguments: GoldenModelTests.models + ["opt", "opt-350m"])
  func filesOfThePeersNeedNoNotes(_ model: String) throws {
    #expect(try Checkpoint.open(Golden.path(model)).notes == [])
  }

  @Test func modelTensorsMustBePlainFloats() throws {
    let folder = try TemporaryFolder(copying: "mistral-old")
    let bytes = try Golden.bytes("mistral-old/model.safetensors")
    // F32 becomes I32, of the same size, in the header's first entry.
    let text = String(decoding: bytes[8..<2000], as: UTF8.self)
    let range = try #require(text.range(of: "\"F32\""))
    let place = 8 + text.utf8.distance(from: text.startIndex, to: range.lowerBound) + 1
    var changed = bytes
    changed[place] = UInt8(ascii: "I")
    try folder.write(changed, "model.safetensors")
    expectFailure(.invalidData, "is stored as I32; F32, F16 and BF16 are supported") {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test func otherFilesAreRefusedWithAdvice() throws {
    expectFailure(
      .invalidData, "is a safetensors file, which holds weights alone", "give the folder"
    ) {
      _ = try Checkpoint.open(Golden.path("qwen2/model.safetensors"))
    }
    expectFailure(.invalidData, "is a zip archive, which holds weights alone", "give the folder") {
      _ = try Checkpoint.open(Golden.path("opt-bin/pytorch_model.bin"))
    }
    let folder = try TemporaryFolder()
    try folder.write([], "empty.gguf")
    expectFailure(.invalidData, "empty.gguf", "is an empty file, not a model") {
      _ = try Checkpoint.open(folder.path + "/empty.gguf")
    }
  }

  @Test func brokenSettingsNameTheFile() throws {
    let folder = try TemporaryFolder(copying: "qwen2")
    try folder.write(Array("{\"eos_token_id\": [1,".utf8), "generation_config.json")
    expectFailure(.invalidData, "generation_config.json", "JSON") {
      _ = try Checkpoint.open(folder.path)
    }
    try folder.write(Array("[]".utf8), "config.json")
    try folder.write(Array("{}".utf8), "generation_config.json")
    expectFailure(.invalidData, "/config.json", "expected an object") {
      _ = try Checkpoint.open(folder.path)
    }
  }
}
