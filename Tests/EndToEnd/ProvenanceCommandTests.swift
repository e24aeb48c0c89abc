import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack provenance` on a bundle that was built by the program.
@Suite(.serialized) struct ProvenanceCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    #expect(try shop.ctpack("run", "small.yaml", "--out", "three.ctpack").status == 0)
  }

  @Test func theCardSaysWhatInspectSays() throws {
    let card = try ctpack(
      "provenance", "three.ctpack", "--as", "card", "--license", "Apache-2.0", "--base-model",
      "lab/tiny")
    #expect(card.status == 0, "\(card.errors)")
    #expect(card.output.hasPrefix("---\nlicense: apache-2.0\nbase_model: lab/tiny\n"))
    let inspected = try ctpack("inspect", "three.ctpack", "--json").json
    let evidence = try #require(inspected["evidence"]?.array)
    #expect(evidence.count == 8)
    for record in evidence {
      let (ppl, error) = (record["ppl"]?.double ?? .nan, record["ppl_stderr"]?.double ?? .nan)
      let number = "\(Figure.fixed(ppl, 2)) ± \(Figure.fixed(error, 2))"
      let rows = card.output.split(separator: "\n").filter { $0.contains("| \(number) |") }
      let name = record["protocol"]?.string ?? ""
      #expect(rows.contains { $0.contains("| \(name) |") }, "\(number) by \(name)")
    }
    for key in ["digest", "weights_digest"] {
      #expect(card.output.contains(inspected[key]?.string ?? "?"), "\(key)")
    }
    for file in ["three.ctpack", "model/model.safetensors"] {
      let digest = try shop.digest(file)
      #expect(card.output.contains(digest), "\(file)")
    }
    // Two texts, without and with the prompt.
    #expect(card.output.components(separatedBy: "type: perplexity").count == 5)
  }

  @Test func billAndStatementNameTheFileAndItsInputs() throws {
    let bill = try ctpack("provenance", "three.ctpack", "--as", "cyclonedx")
    #expect(bill.status == 0, "\(bill.errors)")
    let model = bill.json["metadata"]?["component"]
    let digest = try shop.digest("three.ctpack")
    #expect(model?["hashes"]?[0]?["content"]?.string == digest)
    #expect(
      model?["modelCard"]?["modelParameters"]?["modelArchitecture"]?.string == "LlamaForCausalLM")
    let files = model?["pedigree"]?["ancestors"]?[0]?["components"]?.array ?? []
    let hashes = files.map { $0["hashes"]?[0]?["content"]?.string }
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
      let digest = try shop.digest("model/\(file)")
      #expect(hashes.contains(digest), "\(file)")
    }
    let texts = bill.json["components"]?.array ?? []
    #expect(Set(texts.compactMap { $0["name"]?.string }) == ["train.txt", "dev.txt", "test.txt"])

    let statement = try ctpack("provenance", "three.ctpack", "--as", "slsa")
    #expect(statement.status == 0, "\(statement.errors)")
    #expect(statement.json["subject"]?[0]?["digest"]?["sha256"]?.string == digest)
    let definition = statement.json["predicate"]?["buildDefinition"]
    let recipe = definition?["externalParameters"]?["recipe"]
    #expect(recipe?["name"]?.string == "small")
    #expect(recipe?["compression"]?["linear"]?["bits"]?.int == 3)
    let inputs = definition?["resolvedDependencies"]?.array ?? []
    for file in ["train.txt", "dev.txt", "test.txt", "model/model.safetensors"] {
      let digest = try shop.digest(file)
      #expect(inputs.contains { $0["digest"]?["sha256"]?.string == digest }, "\(file)")
    }
  }

  @Test func theTextIsTheSameEachTimeAndInAFile() throws {
    for form in ["card", "cyclonedx", "slsa"] {
      let first = try ctpack("provenance", "three.ctpack", "--as", form)
      #expect(try ctpack("provenance", "three.ctpack", "--as", form).output == first.output)
      let written = try ctpack("provenance", "three.ctpack", "--as", form, "--out", "page")
      #expect(written.status == 0, "\(written.errors)")
      #expect(String(decoding: try folder.read("page"), as: UTF8.self) == first.output)
    }
  }

  /// A signature changes the file: the statement is of the new bytes, and says that it was edited.
  @Test func editsAreStated() throws {
    try folder.write("key.pem", SampleKeys.signer)
    let before = try ctpack("provenance", "three.ctpack", "--as", "slsa").json
    #expect(try ctpack("sign", "three.ctpack", "--key", "key.pem").status == 0)
    let after = try ctpack("provenance", "three.ctpack", "--as", "slsa").json
    func edited(_ statement: JSON) -> Bool? {
      statement["predicate"]?["buildDefinition"]?["externalParameters"]?["edited_since_build"]?.bool
    }
    #expect(edited(before) == false && edited(after) == true)
    let digest = try shop.digest("three.ctpack")
    #expect(after["subject"]?[0]?["digest"]?["sha256"]?.string == digest)
    #expect(before["subject"] != after["subject"])
  }

  @Test func wrongUsesLoseNothing() throws {
    let bundle = try folder.read("three.ctpack")
    for arguments in [
      ["--as", "spdx"], ["--as", "slsa", "--license", "MIT"], ["--as", "card", "--builder", "a:b"],
      ["--as", "card", "--license", "a:b"], ["--as", "card", "--base-model", "a b"],
      ["--as", "slsa", "--builder", "lab"], [], ["--as", "card", "--out", "three.ctpack"],
    ] {
      let run = try ctpack.run(["provenance", "three.ctpack"] + arguments)
      #expect(run.status == 64, "\(arguments): \(run.errors)")
    }
    #expect(try folder.read("three.ctpack") == bundle)
    #expect(try ctpack("provenance", "no.ctpack", "--as", "card").status == 66)
    #expect(
      try ctpack("provenance", "three.ctpack", "--as", "card", "--out", "no/page").status == 73)
    var damaged = bundle
    damaged[damaged.count / 2] ^= 1
    try folder.write("damaged.ctpack", damaged)
    let refused = try ctpack("provenance", "damaged.ctpack", "--as", "card", "--out", "card.md")
    #expect(refused.status == 65 && refused.errors.contains("recover"), "\(refused.errors)")
    #expect(!folder.names.contains("card.md"))
  }
}
