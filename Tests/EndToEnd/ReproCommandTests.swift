import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack repro`: a bundle built again from its recipe, and what differs where the build does.
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

  @Test func theRecipeMustBeNamed() throws {
    let result = try ctpack("repro", "small.ctpack")
    #expect(result.status == 64)
    #expect(result.errors.contains("--recipe"), "\(result.errors)")
  }
}
