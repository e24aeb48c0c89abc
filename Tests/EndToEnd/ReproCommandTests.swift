import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack repro`: a bundle built again from its own recipe or a given one, and what differs where the
/// build does.
@Suite(.serialized) struct ReproCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    try FileManager.default.createDirectory(
      atPath: folder.file("scratch"), withIntermediateDirectories: true)
  }

  private func repro(_ more: String...) throws -> Program.Result {
    try ctpack.run(
      ["repro", "small.ctpack", "--recipe", "small.yaml"] + more,
      shell: "export TMPDIR='\(folder.file("scratch"))'")
  }

  /// Repeats the build of a bundle by the recipe in it.
  private func alone(_ bundle: String, _ more: String...) throws -> Program.Result {
    try ctpack.run(
      ["repro", bundle] + more, shell: "export TMPDIR='\(folder.file("scratch"))'")
  }

  private func move(_ name: String, to other: String) throws {
    try FileManager.default.moveItem(atPath: folder.file(name), toPath: folder.file(other))
  }

  private var scratch: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.file("scratch")) }
  }

  @Test func aBuildIsReproduced() throws {
    let before = try shop.digest("small.ctpack")
    let result = try repro("--json")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.json["reproduced"] == true)
    let stages = try #require(result.json["stages"]?.array)
    #expect(stages.count == 6 && stages.allSatisfy { $0["same"] == true }, "\(stages)")
    #expect(result.json["differences"]?.array?.isEmpty == true)
    #expect(try shop.digest("small.ctpack") == before)
    #expect(try scratch.isEmpty, "the temporary work folder is left")
  }

  /// A prompt and measurements that were added since are listed, and the rest is compared.
  @Test func anEditedBundleIsReproduced() throws {
    try FileManager.default.copyItem(
      atPath: folder.file("small.ctpack"), toPath: folder.file("source.ctpack"))
    let transfer = try ctpack(
      "transfer", "source.ctpack", "small.ctpack", "--as", "second", "--text", "test.txt",
      "--protocol", "ctp-32", "--windows", "3")
    #expect(transfer.status == 0, "\(transfer.errors)")
    let result = try repro()
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    #expect(result.output.contains("small.ctpack: reproduced"))
    #expect(result.output.contains("added since the build: prompt \"second\""), "\(result.output)")
    #expect(result.output.contains("measurements"), "\(result.output)")
  }

  @Test func aChangedFieldNamesTheStage() throws {
    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    let result = try repro("--work", "kept")
    #expect(result.status == 1, "\(result.errors)")
    #expect(
      result.output.contains(
        "NOT reproduced; the first stage whose output differs is compress"), "\(result.output)")
    #expect(result.output.contains("compression.linear.bits changed from 3 to 4"))
    #expect(FileManager.default.fileExists(atPath: folder.file("kept/store.json")))
  }

  @Test func anotherInputIsNamedBeforeAnythingIsBuilt() throws {
    try folder.write("dev.txt", TinyCheckpoint.text(words: 400, seed: 9))
    let changed = try repro("--work", "kept")
    #expect(changed.status == 65, "\(changed.errors)")
    #expect(changed.errors.contains("2 inputs of the recipe differ"), "\(changed.errors)")
    #expect(changed.errors.contains("validation: ") && changed.errors.contains("evaluation dev: "))
    #expect(!changed.errors.contains("held-out"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("kept")))
    try FileManager.default.removeItem(atPath: folder.file("dev.txt"))
    let missing = try repro()
    #expect(missing.status == 66, "\(missing.errors)")
    #expect(missing.errors.contains("dev.txt"))
  }

  /// Renamed files in any folders are found by their digests, and no file is needed but those.
  @Test func aBundleAndItsInputsAreEnough() throws {
    try FileManager.default.removeItem(atPath: folder.file("small.yaml"))
    try FileManager.default.createDirectory(
      atPath: folder.file("kept/deep/deeper"), withIntermediateDirectories: true)
    try move("model/config.json", to: "kept/config.json")
    try move("model/model.safetensors", to: "kept/deep/weights")
    try move("model/tokenizer.json", to: "kept/deep/deeper/tokenizer.json")
    try move("train.txt", to: "kept/a")
    try move("dev.txt", to: "kept/deep/train.txt")
    try move("test.txt", to: "more.txt")
    let result = try alone(
      "small.ctpack", "--inputs", "kept", "--input", "held.txt=more.txt", "--json")
    #expect(result.status == 64 && result.errors.contains("held.txt"), "\(result.errors)")
    let right = try alone(
      "small.ctpack", "--inputs", "kept", "--input", "test.txt=more.txt", "--json")
    #expect(right.status == 0, "\(right.output)\(right.errors)")
    #expect(right.json["reproduced"] == true)
    #expect(right.json["recipe_changes"]?.array?.isEmpty == true, "\(right.output)")
    #expect(try scratch.isEmpty, "temporary folders are left")
  }

  /// Inputs by name and by role, a folder for the model.
  @Test func inputsAreGivenOneByOne() throws {
    let result = try alone(
      "small.ctpack", "--input", "model=model", "--input", "train.txt=train.txt", "--input",
      "validation=dev.txt", "--input", "evaluation held-out=test.txt")
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    #expect(result.output.contains("small.ctpack: reproduced"))
  }

  @Test func missingInputsAreListedWithTheirDigests() throws {
    let all = try alone("small.ctpack")
    #expect(all.status == 66, "\(all.errors)")
    #expect(all.errors.contains("6 inputs of its build weren't found"), "\(all.errors)")
    #expect(all.errors.contains("--input NAME=PATH") && all.errors.contains("--inputs"))
    let some = try alone("small.ctpack", "--inputs", "model", "--input", "test.txt=test.txt")
    #expect(some.status == 66 && some.errors.contains("2 inputs"), "\(some.errors)")
    let (train, dev) = (try shop.digest("train.txt"), try shop.digest("dev.txt"))
    for line in [
      "train.txt (calibration, training), SHA-256 \(train)",
      "dev.txt (validation, evaluation dev), SHA-256 \(dev)",
    ] { #expect(some.errors.contains(line), "\(some.errors)") }
    #expect(!some.errors.contains("config.json") && !some.errors.contains("held-out"))
    let wrong = try alone("small.ctpack", "--inputs", ".", "--input", "train.txt=dev.txt")
    #expect(wrong.status == 65, "\(wrong.errors)")
    #expect(wrong.errors.contains(train) && wrong.errors.contains(dev), "\(wrong.errors)")
    let gone = try alone("small.ctpack", "--inputs", "gone")
    #expect(gone.status == 66 && gone.errors.contains("gone: "), "\(gone.errors)")
    #expect(try scratch.isEmpty)
  }

  @Test func aRecipeIsGivenOrTheBundlesIsUsed() throws {
    for options in [
      ["--recipe", "small.yaml", "--inputs", "."], ["--variant", "v", "--inputs", "."],
      ["--recipe", "small.yaml", "--input", "train.txt=train.txt"], ["--input", "train.txt"],
    ] {
      let result = try ctpack.run(["repro", "small.ctpack"] + options)
      #expect(result.status == 64, "\(options): \(result.errors)")
    }
  }

  /// The bundle with the prompt that learning started from is an input like others.
  @Test func theStartOfAPromptIsRecordedAndCompared() throws {
    try FileManager.default.copyItem(
      atPath: folder.file("small.ctpack"), toPath: folder.file("other.ctpack"))
    try folder.write(
      "start.yaml",
      Workshop.recipe().replacing("name: small", with: "name: start")
        .replacing("small.ctpack", with: "start.ctpack")
        .replacing("  tokens: 4", with: "  tokens: 4\n  init_from: {bundle: other.ctpack}"))
    let run = try ctpack("run", "start.yaml")
    #expect(run.status == 0, "\(run.errors)")
    let provenance = try ctpack("inspect", "start.ctpack", "--json").json["provenance"]
    let start = provenance?["initial_prompt"]
    #expect(start?["name"]?.string == "other.ctpack")
    #expect(start?["sha256"]?.string == (try shop.digest("other.ctpack")))
    let content = try ctpack("inspect", "other.ctpack", "--json").json["digest"]
    #expect(content != nil && start?["content"] == content)
    let page = try ctpack("inspect", "start.ctpack").output
    #expect(page.contains("initial prompt") && page.contains(content?.string ?? "?"), "\(page)")

    let again = try alone("start.ctpack", "--inputs", ".")
    #expect(again.status == 0, "\(again.output)\(again.errors)")
    try FileManager.default.removeItem(atPath: folder.file("small.ctpack"))
    try move("other.ctpack", to: "renamed.ctpack")
    let coded = try ctpack("recode", "renamed.ctpack", "other.ctpack", "--storage", "coded")
    #expect(coded.status == 0, "\(coded.errors)")
    let stored = try ctpack("repro", "start.ctpack", "--recipe", "start.yaml")
    #expect(stored.status == 65, "\(stored.errors)")
    #expect(
      stored.errors.contains("init_from: ") && stored.errors.contains("the content is the same"),
      "\(stored.errors)")
    #expect(try ctpack("prompt", "remove", "other.ctpack", "default").status == 0)
    let changed = try ctpack("repro", "start.ctpack", "--recipe", "start.yaml")
    #expect(changed.status == 65 && changed.errors.contains("init_from: "), "\(changed.errors)")
    #expect(!changed.errors.contains("the content is the same"), "\(changed.errors)")
  }
}
