import BundleFormat
import Bytes
import Checkpoints
import Foundation
import Models
import Numerics
import Prompts
import TestSupport
import Testing

/// Import and export of PEFT adapters for a tiny model.
@Suite struct PEFTTests {
  static let model = RealModel.packageRoot + "/Tests/ModelsTests/Golden/mistral"
  static let golden = RealModel.packageRoot + "/Tests/PromptsTests/Golden"
  static let kinds = ["prompt", "prefix", "lora"]
  /// A prefix that was trained through a projection, and LoRA of several ranks, scales and layers, which
  /// are exported in another form.
  static let importedKinds = ["prefix-projected", "lora-patterns", "lora-layers"]

  let model: LanguageModel
  let ids: [[Int32]]
  let expected: JSON

  init() throws {
    model = try LanguageModel(source: Checkpoint.open(Self.model))
    expected = try JSON(parsing: MappedFile(path: Self.golden + "/expected.json").bytes)
    ids = (expected["ids"]?.array ?? []).map { ($0.array ?? []).map { Int32($0.int ?? -1) } }
  }

  private func imported(_ folder: String) throws -> StoredAdapter {
    try StoredAdapter(PEFTFolder(reading: folder), name: "p", for: model.configuration)
  }

  private func losses(_ prompt: StoredAdapter) throws -> [[Double]] {
    let scorer = try Scorer(model, adapter: Adapter(prompt, for: model.configuration))
    return try scorer.nll(ids).map { $0.map { Double($0) } }
  }

  private func numbers(_ json: JSON?) -> [[Double]] {
    (json?.array ?? []).map { ($0.array ?? []).compactMap(\.double) }
  }

  /// Compares losses of about 5 from two float32 programs, which differ by 10⁻⁶ of them on these
  /// golden adapters.
  private func expectClose(_ a: [[Double]], _ b: [[Double]], _ note: Comment) {
    #expect(a.count == 2 && a.map(\.count) == b.map(\.count), note)
    for (a, b) in zip(a.joined(), b.joined()) { #expect(abs(a - b) < 2e-4, note) }
  }

  @Test(arguments: kinds + importedKinds)
  func importedAdaptersScoreAsInPEFT(_ kind: String) throws {
    let prompt = try imported("\(Self.golden)/\(kind)")
    #expect(prompt.unvalidated && prompt.binding.baseModel == nil)
    expectClose(try losses(prompt), numbers(expected[kind]), "\(kind)")
  }

  /// Exported adapters have PEFT's own tensors, and import with the same values.
  @Test(arguments: kinds) func exportsMatchPEFTsFiles(_ kind: String) throws {
    let folder = try TemporaryFolder()
    let prompt = try imported("\(Self.golden)/\(kind)")
    let written = prompt.peft(at: folder.file(kind), base: "mistral", for: model.configuration)
    try written.write()
    let again = try imported(folder.file(kind))
    #expect(again.shape == prompt.shape && again.values == prompt.values)
    let theirs = try PEFTFolder(reading: "\(Self.golden)/\(kind)")
    #expect(written.tensors.keys.sorted() == theirs.tensors.keys.sorted())
    for (key, (shape, values)) in theirs.tensors {
      let own = written.tensors[key]
      let isEqual = own?.shape == shape && own?.values == values
      #expect(isEqual, "\(key)")
    }
    for key in ["peft_type", "num_virtual_tokens", "token_dim", "num_attention_heads", "r"] {
      #expect(written.configuration[key] == theirs.configuration[key], "\(key)")
    }
  }

  /// PEFT loads exports and scores the same, if $CTPACK_PEFT_PYTHON names a Python that has it.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["CTPACK_PEFT_PYTHON"] != nil,
      "set CTPACK_PEFT_PYTHON to a Python with peft to let it load what is exported"),
    arguments: kinds)
  func exportsAreLoadedByPEFT(_ kind: String) throws {
    let python = try #require(ProcessInfo.processInfo.environment["CTPACK_PEFT_PYTHON"])
    let folder = try TemporaryFolder()
    var prompt = try imported("\(Self.golden)/\(kind)")
    for i in prompt.values.indices { prompt.values[i] *= i % 2 == 0 ? 0.5 : -0.75 }
    try prompt.peft(at: folder.file(kind), base: Self.model, for: model.configuration).write()
    try folder.write("ids.json", (expected["ids"] ?? .null).canonicalText)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [
      Self.golden + "/make_peft_golden.py", "--measure", Self.model, folder.file(kind),
      folder.file("ids.json"),
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    expectClose(try losses(prompt), numbers(try JSON(parsing: ByteSlice(Array(output)))), "\(kind)")
  }

  @Test func unsupportedAdaptersAreNamed() throws {
    let lora = try PEFTFolder(reading: Self.golden + "/lora")
    func refusal(_ change: (inout JSONObject) -> Void) -> String {
      var folder = lora
      var settings = folder.configuration.object ?? [:]
      change(&settings)
      folder.configuration = .object(settings)
      do { _ = try StoredAdapter(folder, name: "p", for: model.configuration) } catch {
        return error.description
      }
      return "taken"
    }
    #expect(refusal { _ in } == "taken")
    #expect(refusal { $0["use_dora"] = true }.contains("use_dora"))
    #expect(refusal { $0["bias"] = "all" }.contains("bias"))
    #expect(refusal { $0["rank_pattern"] = ["q_proj": 3] }.contains("rank_pattern"))
    #expect(refusal { $0["peft_type"] = "IA3" }.contains("IA3"))
    #expect(refusal { $0["r"] = 3 }.contains("factors"))
    var folder = lora
    folder.tensors["base_model.model.lm_head.lora_A.weight"] = ([1, 1], [0])
    #expect { _ = try StoredAdapter(folder, name: "p", for: model.configuration) } throws: {
      ($0 as? Failure)?.finding.contains("lm_head") == true
    }
    let other = try LanguageModel(
      source: Checkpoint.open(RealModel.packageRoot + "/Tests/ModelsTests/Golden/opt"))
    // A soft prompt of the same width would fit, so only the others are tried.
    for kind in ["prefix", "lora"] {
      #expect(throws: Failure.self, "\(kind)") {
        try StoredAdapter(
          PEFTFolder(reading: "\(Self.golden)/\(kind)"), name: "p", for: other.configuration)
      }
    }
  }

  /// PyTorch loads the tensor file, if $CTPACK_PEFT_PYTHON names a Python that has it.
  @Test func tensorsAreFilesThatTorchReads() throws {
    let folder = try TemporaryFolder()
    let values = (0..<15).map { Float($0) * 0.25 - 1 }
    let bytes = TorchTensorWriter.bytes(values, rows: 5, columns: 3)
    try folder.write("t.pt", bytes)
    #expect(bytes.starts(with: [0x50, 0x4b, 3, 4]))
    guard let python = ProcessInfo.processInfo.environment["CTPACK_PEFT_PYTHON"] else { return }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [
      "-c",
      "import sys, torch; t = torch.load(sys.argv[1], weights_only=True);"
        + "assert t.shape == (5, 3) and t.dtype == torch.float32;"
        + "assert t.flatten().tolist() == [i * 0.25 - 1 for i in range(15)]", folder.file("t.pt"),
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
