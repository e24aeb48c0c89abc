import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack run` on a tiny model: a whole build, reuse, threads, memory, `--until` and the gate.
@Suite(.serialized) struct RecipeRunTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  @Test func aRecipeBecomesAnAuditedBundle() throws {
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    #expect(
      run.output.hasPrefix(folder.file("small.ctpack")) || run.output.hasPrefix("small.ctpack"))
    for stage in ["import", "calibrate", "compress", "prompt", "verify", "gate", "package"] {
      #expect(run.errors.contains("\(stage)"), "\(stage) is not shown")
    }
    #expect(!run.errors.contains("\u{1B}"), "control characters outside of a terminal")

    let inspected = try ctpack("inspect", "small.ctpack", "--json", "--verify", "full")
    #expect(inspected.status == 0, "\(inspected.errors)")
    let json = inspected.json
    #expect(json["verified"]?.string == "full")
    #expect(json["format_version"]?.string?.isEmpty == false)
    #expect(json["digest"]?.string?.count == 64)
    #expect(json["file_bytes"]?.int == (try folder.read("small.ctpack").count))
    #expect(json["parameters"]?.int ?? 0 > 0)
    let tensors = try #require(json["tensors"]?.array)
    let packed = tensors.filter { $0["bits"]?.int == 3 }
    #expect(packed.count == 21)
    for key in ["name", "shape", "layout", "bits", "group_size", "sparsity", "stored_bytes"] {
      #expect(packed[0][key] != nil, "tensors[].\(key)")
    }
    let prompt = try #require(json["prompts"]?[0])
    #expect(prompt["tokens"]?.int == 4)
    #expect(prompt["width"]?.int == 24)
    #expect(prompt["bound_to"]?["weights"]?.string == json["weights_digest"]?.string)
    #expect(prompt["validated_on"]?.array?.count == 2)
    let evidence = try #require(json["evidence"]?.array)
    #expect(evidence.count == 8, "four numbers for each of two texts")
    for record in evidence {
      #expect(record["ppl"]?.double ?? 0 > 1)
      #expect(record["ppl_stderr"]?.double ?? 0 > 0)
    }
    #expect(Set(evidence.compactMap { $0["protocol"]?.string }) == ["ctp-32", "llamacpp-32"])
    #expect(json["provenance"]?["stages"]?.array?.count == 6)
    #expect(!inspected.output.contains(folder.path), "a path of this machine is in the bundle")

    let page = try ctpack("inspect", "small.ctpack")
    #expect(page.status == 0)
    #expect(page.output.contains("gap closed"))
    #expect(page.output.contains("learned on these weights"))
  }

  /// Both OPT designs are built and audited, measured to the recorded perplexity, and generate text.
  @Test(arguments: [TinyCheckpoint.Family.opt, .opt350M])
  func optModelsBecomeBundles(_ family: TinyCheckpoint.Family) throws {
    var model = TinyCheckpoint()
    model.family = family
    try model.write(to: folder)
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    let json = try ctpack("inspect", "small.ctpack", "--json", "--verify", "full").json
    #expect(json["verified"]?.string == "full")
    #expect(json["tensors"]?.array?.count { $0["bits"]?.int == 3 } == 18)
    #expect(json["prompts"]?[0]?["width"]?.int == (family == .opt ? 24 : 16))
    let recorded = try #require(
      json["evidence"]?.array?.first {
        $0["text"]?.string == "held-out" && $0["model"]?.string == "compressed"
          && $0["prompt"]?.string != nil
      }?["ppl"]?.double)
    let measured = try ctpack(
      "eval", "small.ctpack", "--text", "test.txt", "--protocol", "ctp-32", "--windows", "12",
      "--json")
    #expect(measured.status == 0, "\(measured.errors)")
    #expect(abs((measured.json["ppl"]?.double ?? 0) / recorded - 1) < 1e-6)
    let text = try ctpack(
      "generate", "small.ctpack", "--prompt-text", "the rain", "--max-tokens", "5")
    #expect(text.status == 0 && !text.output.isEmpty, "\(text.errors)")
  }

  @Test func aSecondRunReusesEveryStage() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    let digest = try shop.digest("small.ctpack")
    let again = try ctpack("run", "small.yaml")
    #expect(again.status == 0)
    #expect(again.errors.components(separatedBy: "reused").count == 8)
    #expect(try shop.digest("small.ctpack") == digest)
    let explained = try ctpack("run", "small.yaml", "--explain", "--json")
    #expect(explained.json["stages"]?.array?.allSatisfy { $0["run"]?.bool == false } == true)

    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    let changed = try ctpack("run", "small.yaml", "--explain")
    #expect(changed.output.contains("linear.bits changed from 3 to 4"))
    #expect(changed.output.contains("import     reused"))
    #expect(try shop.digest("small.ctpack") == digest, "--explain ran something")
  }

  @Test func threadsDoNotChangeAByte() throws {
    #expect(
      try ctpack("run", "small.yaml", "--work", "one", "--out", "1", "--threads", "1").status == 0)
    #expect(
      try ctpack("run", "small.yaml", "--work", "two", "--out", "2", "--threads", "2").status == 0)
    #expect(try shop.digest("1") == shop.digest("2"))
  }

  /// With little memory the calibration's rows go to files, which `--verbose` reports; the artifact is the
  /// same.
  @Test func memoryDoesNotChangeAByte() throws {
    let large = try ctpack("run", "small.yaml", "--work", "one", "--out", "1", "--memory", "8 GiB")
    #expect(large.status == 0, "\(large.errors)")
    #expect(!large.errors.contains("of rows in files"), "details without --verbose")
    let small = try ctpack(
      "run", "small.yaml", "--work", "two", "--out", "2", "--memory", "1MiB", "--verbose")
    #expect(small.status == 0, "\(small.errors)")
    // 8 × 32 tokens of 24 numbers in float32, 24 576 bytes: three sets for each of the two models, the
    // compressed and the full.
    #expect(small.errors.contains("147.5 kB of rows in files"), "\(small.errors)")
    #expect(small.errors.contains("more than the limit of 1.0 MB"), "\(small.errors)")
    #expect(try shop.digest("1") == shop.digest("2"))
    let ledger = String(decoding: try folder.read("two/ledger.jsonl"), as: UTF8.self)
    #expect(ledger.components(separatedBy: "\"block\":").count == 4, "a line for each block")
    let status = try ctpack("status", "two", "--json")
    let compress = status.json["stages"]?.array?.first { $0["stage"]?.string == "compress" }
    #expect(compress?["seconds"]?.double ?? 0 > 0)
    let wrong = try ctpack("run", "small.yaml", "--memory", "lots")
    #expect(wrong.status == 64)
    #expect(wrong.errors.contains("--memory takes an amount like 4GiB"), "\(wrong.errors)")
  }

  /// A build stage by stage gives the same bytes as one in a single run.
  @Test func untilStopsAndTheNextRunResumes() throws {
    #expect(try ctpack("run", "small.yaml", "--work", "whole", "--out", "whole.ctpack").status == 0)
    for stage in ["import", "calibrate", "compress", "prompt", "verify", "gate"] {
      #expect(try ctpack("run", "small.yaml", "--until", stage).status == 0)
      #expect(!FileManager.default.fileExists(atPath: folder.file("small.ctpack")))
      let status = try ctpack("status", "small.work", "--json")
      #expect(status.json["stages"]?.array?.last?["stage"]?.string == stage)
      #expect(status.json["stages"]?.array?.last?["state"]?.string == "done")
    }
    #expect(try ctpack("run", "small.yaml").status == 0)
    #expect(try shop.digest("small.ctpack") == shop.digest("whole.ctpack"))
  }

  @Test func aGateThatIsNotMetPackagesNothing() throws {
    try folder.write("small.yaml", Workshop.recipe(gate: "{held-out: {max_ppl: 1.5}}"))
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 1)
    #expect(run.errors.contains("held-out: max_ppl is 1.5, found "), "\(run.errors)")
    #expect(run.errors.contains("too high"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("small.ctpack")))
    // Only the limit changed, so nothing is measured again.
    try folder.write("small.yaml", Workshop.recipe())
    let again = try ctpack("run", "small.yaml")
    #expect(again.status == 0)
    #expect(again.errors.contains("verify     reused"))
  }
}
