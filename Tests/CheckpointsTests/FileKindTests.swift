import Bytes
import Checkpoints
import Foundation
import Testing

/// Files and folders of another kind than the one that is expected, and models in several files.
@Suite struct FileKindTests {
  private static let pointer = Array(
    "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "ab", count: 32))\nsize 269060552\n"
      .utf8)
  private static let page = Array("<!DOCTYPE html><html><body>Not found</body></html>\n".utf8)

  private func split(_ numbers: [Int]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for number in numbers {
      let name = "llama-split-0000\(number)-of-00003.gguf"
      try folder.write(try Golden.bytes(name), name)
    }
    return folder
  }

  @Test(arguments: 1...3) func aSplitModelIsOpenedFromAnyOfItsParts(_ number: Int) throws {
    let path = Golden.path("llama-split-0000\(number)-of-00003.gguf")
    let source = try Checkpoint.open(path)
    let whole = try Checkpoint.open(Golden.path("llama-plain.gguf"))
    #expect(source.tensorNames == whole.tensorNames && source.tensorNames.count == 20)
    for name in source.tensorNames {
      #expect(try source.tensor(name).values == whole.tensor(name).values, "\(name)")
    }
    #expect(
      source.files.map { $0.suffix(20) }
        == (1...3).map { Substring("-0000\($0)-of-00003.gguf") })
    #expect(try Checkpoint.tokenizer(at: path).files == [source.files[0]])
  }

  @Test func aMissingOrForeignPartIsNamed() throws {
    let folder = try split([1, 3])
    let third = folder.path + "/llama-split-00003-of-00003.gguf"
    expectFailure(.inputMissing, "llama-split-00002-of-00003.gguf: is missing", "part 3 of 3") {
      _ = try Checkpoint.open(third)
    }
    try folder.write(try Golden.bytes("qwen2-plain.gguf"), "llama-split-00002-of-00003.gguf")
    expectFailure(.invalidData, "00002-of-00003.gguf", "split.no", "the name says 1") {
      _ = try Checkpoint.open(third)
    }
    try folder.write(Self.pointer, "llama-split-00002-of-00003.gguf")
    expectFailure(.invalidData, "00002-of-00003.gguf", "git lfs pull") {
      _ = try Checkpoint.open(third)
    }
    try folder.write(try Golden.bytes("llama-split-00002-of-00003.gguf"), "b.gguf")
    expectFailure(.invalidData, "b.gguf", "part 2 of 3", "NAME-00001-of-00003.gguf") {
      _ = try Checkpoint.open(folder.path + "/b.gguf")
    }
  }

  @Test func aFolderWithOneGGUFModelIsThatModel() throws {
    let folder = try split([1, 2, 3])
    try folder.write(Array("{}".utf8), "config.json")
    try folder.write([1], "mmproj-model.gguf")
    let whole = try Checkpoint.open(Golden.path("llama-plain.gguf"))
    #expect(try Checkpoint.open(folder.path + "/").tensorNames == whole.tensorNames)
    guard case .gguf = try Checkpoint.tokenizer(at: folder.path).material else {
      Issue.record("the folder has no vocabulary")
      return
    }
    try folder.write(try Golden.bytes("qwen2-plain.gguf"), "qwen2.gguf")
    expectFailure(.invalidData, "several GGUF models", "\"qwen2.gguf\"") {
      _ = try Checkpoint.open(folder.path)
    }
  }

  @Test func otherFoldersSayWhatTheyHold() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("{}".utf8), "adapter_config.json")
    expectFailure(.inputMissing, "config.json: is missing", "PEFT adapter") {
      _ = try Checkpoint.open(folder.path)
    }
    expectFailure(.inputMissing, "neither adapter_model.safetensors nor adapter_model.bin") {
      _ = try PEFTFolder(reading: folder.path)
    }
    let model = try TemporaryFolder(copying: "qwen2")
    expectFailure(.inputMissing, "adapter_config.json: is missing", "holds a model") {
      _ = try PEFTFolder(reading: model.path)
    }
    try FileManager.default.moveItem(
      atPath: model.path + "/model.safetensors", toPath: model.path + "/weights.safetensors")
    expectFailure(.inputMissing, "neither model.safetensors", "\"weights.safetensors\"") {
      _ = try Checkpoint.open(model.path)
    }
  }

  @Test(arguments: ["model.safetensors", "config.json"])
  func pointersAndPagesInPlaceOfFilesAreNamed(_ name: String) throws {
    for (bytes, word) in [(Self.pointer, "git lfs pull"), (Self.page, "HTML page"), ([], "empty")] {
      let folder = try TemporaryFolder(copying: "qwen2")
      try folder.write(bytes, name)
      expectFailure(.invalidData, name, word) { _ = try Checkpoint.open(folder.path) }
    }
  }

  @Test(arguments: ["tokenizer.json", "tokenizer_config.json", "added_tokens.json"])
  func tokenizerFilesAreChecked(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("{\"added_tokens\": []}".utf8), "tokenizer.json")
    for (bytes, word) in [
      (Self.pointer, "pointer to a file of 269060552 bytes"), (Self.page, "HTML page"),
      ([0xFF, 0xFE, 0x7B, 0], "iconv"),
    ] {
      try folder.write(bytes, name)
      expectFailure(.invalidData, name, word) { _ = try Checkpoint.tokenizer(at: folder.path) }
    }
  }

  @Test func filesOfOtherKindsAreNamed() throws {
    let folder = try TemporaryFolder()
    for (bytes, word) in [
      (Self.pointer, "git lfs pull"), (Self.page, "HTML page"), ([], "an empty file"),
      (try Golden.bytes("qwen2/model.safetensors"), "the folder that contains it"),
      (try Golden.bytes("views.bin"), "the folder that contains it"),
      ([0x89] + Array("CTPK\r\n".utf8) + [0x1A], "a ctpack bundle"),
      ([0x1F, 0x8B, 8, 0, 0], "gunzip"),
    ] {
      try folder.write(bytes, "model.gguf")
      expectFailure(.invalidData, "model.gguf", word) {
        _ = try Checkpoint.open(folder.path + "/model.gguf")
      }
    }
  }

  @Test func weightsUnderTheNameOfTheOtherFormAreNamed() throws {
    let folder = try TemporaryFolder()
    try folder.write(try Golden.bytes("views.bin"), "a.safetensors")
    try folder.write(try Golden.bytes("views.safetensors"), "a.bin")
    expectFailure(.invalidData, "a.safetensors", "zip archive", "ends in .bin") {
      _ = try SafetensorsFile(path: folder.path + "/a.safetensors")
    }
    expectFailure(.invalidData, "a.bin", "is a safetensors file", "ends in .safetensors") {
      _ = try PyTorchFile(path: folder.path + "/a.bin")
    }
  }

  @Test func filesMissingFromAnIndexAreCounted() throws {
    let folder = try TemporaryFolder(copying: "llama3-sharded")
    for number in [2, 3] {
      try FileManager.default.removeItem(
        atPath: folder.path + "/model-0000\(number)-of-00004.safetensors")
    }
    expectFailure(
      .inputMissing, "model.safetensors.index.json", "names 4 files",
      "\"model-00002-of-00004.safetensors\" and 1 more"
    ) { _ = try Checkpoint.open(folder.path) }
  }

  @Test func aByteOrderMarkIsNoPartOfJSON() throws {
    let folder = try TemporaryFolder(copying: "qwen2")
    let config = try Golden.bytes("qwen2/config.json")
    try folder.write([0xEF, 0xBB, 0xBF] + config, "config.json")
    let tokenizer = Array("{\"added_tokens\": []}".utf8)
    try folder.write([0xEF, 0xBB, 0xBF] + tokenizer, "tokenizer.json")
    guard case .huggingFace(let json) = try Checkpoint.open(folder.path).tokenizer else {
      Issue.record("the folder has no tokenizer")
      return
    }
    #expect(json.array == tokenizer)
  }

  @Test func anAdapterOfTorchSaveIsRead() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("{\"peft_type\": \"LORA\"}".utf8), "adapter_config.json")
    try folder.write(try Golden.bytes("opt-350m-bin/pytorch_model.bin"), "adapter_model.bin")
    let adapter = try PEFTFolder(reading: folder.path)
    let expected = try PyTorchFile(path: Golden.path("opt-350m-bin/pytorch_model.bin")).entries
    #expect(adapter.weightsPath == folder.path + "/adapter_model.bin")
    #expect(Set(adapter.tensors.keys) == Set(expected.keys) && !expected.isEmpty)
    for (name, entry) in expected {
      let tensor = try #require(adapter.tensors[name])
      let format = try #require(entry.type.floatFormat)
      #expect(tensor.shape == entry.shape && tensor.values == entry.bytes.floats(as: format))
    }
  }
}
