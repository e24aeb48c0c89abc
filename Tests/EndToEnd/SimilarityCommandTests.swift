import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack similarity` on a tiny model.
@Suite(.serialized) struct SimilarityCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  private static let options = [
    "--text", "test.txt", "--protocol", "ctp-32", "--windows", "3",
  ]

  init() throws {
    shop = try Workshop()
    #expect(try shop.ctpack("run", "small.yaml", "--out", "three.ctpack").status == 0)
  }

  private func compare(_ against: String, _ more: String...) throws -> Program.Result {
    try ctpack.run(
      ["similarity", "three.ctpack", "--against", against] + Self.options + more)
  }

  @Test func everyBlockIsComparedInEveryCondition() throws {
    let before = try folder.read("three.ctpack")
    let run = try compare("model", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let json = run.json
    #expect(json["protocol"]?.string == "ctp-32" && json["windows"]?.int == 3)
    let digest = try shop.digest("test.txt")
    #expect(json["text_sha256"]?.string == digest)
    let inspected = try ctpack("inspect", "three.ctpack", "--json").json
    #expect(json["against"]?["weights_digest"] == inspected["provenance"]?["base_model"])
    let conditions = try #require(json["conditions"]?.array)
    #expect(conditions.map { $0["prompt"]?.string } == [nil, "default"])
    #expect(conditions.map { $0["tokens"]?.int } == [0, 4])
    for condition in conditions {
      for key in ["attention", "activations"] {
        let values = condition["similarity"]?[key]?.array?.compactMap(\.double) ?? []
        #expect(values.count == 3 && values.allSatisfy { $0 > 0 && $0 < 1 }, "\(key)")
        let errors = condition["similarity"]?[key + "_stderr"]?.array
        #expect(errors?.count == 3, "\(key)")
      }
    }
    #expect(conditions[0]["similarity"]?["prompt_share"] == nil)
    #expect(conditions[1]["similarity"]?["prompt_share"]?.array?.count == 3)
    // The perplexity is that of `eval` on the same windows.
    for (index, prompt) in ["none", "default"].enumerated() {
      let eval = try ctpack.run(
        ["eval", "three.ctpack", "--prompt", prompt, "--json"] + Self.options)
      #expect(conditions[index]["ppl"]?.double == eval.json["ppl"]?.double)
    }
    #expect(try compare("model", "--json", "--threads", "1").output == run.output)
    #expect(try folder.read("three.ctpack") == before)
    let page = try compare("model", "--quiet")
    for words in [
      "Attention maps", "Block outputs", "Prompt share", "ctp-32, 3 windows of test.txt",
      "default", "mean", "Perplexity of the same windows",
    ] {
      #expect(page.output.contains(words), "\(words): \(page.output)")
    }
  }

  @Test func aModelIsTheSameAsItself() throws {
    let run = try compare("three.ctpack", "--prompt", "none", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let conditions = try #require(run.json["conditions"]?.array)
    #expect(conditions.count == 1)
    for key in ["attention", "activations"] {
      let values = conditions[0]["similarity"]?[key]?.array?.compactMap(\.double) ?? []
      #expect(values.count == 3 && values.allSatisfy { $0 > 1 - 1e-12 && $0 <= 1 }, "\(values)")
    }
    // It isn't what the bundle was made from, so nothing is stored.
    let before = try folder.read("three.ctpack")
    let refused = try compare("three.ctpack", "--store")
    #expect(refused.status == 1 && refused.errors.contains("was made from"), "\(refused.errors)")
    #expect(try folder.read("three.ctpack") == before)
  }

  @Test func theComparisonIsStoredAsEvidence() throws {
    let run = try compare("model", "--store", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let inspected = try ctpack("inspect", "three.ctpack", "--json", "--verify", "full")
    #expect(inspected.status == 0, "\(inspected.output)")
    let stored = (inspected.json["evidence"]?.array ?? []).filter { $0["similarity"] != nil }
    #expect(stored.map { $0["prompt"]?.string } == [nil, "default"])
    for (record, condition) in zip(stored, run.json["conditions"]?.array ?? []) {
      #expect(record["similarity"] == condition["similarity"])
      #expect(record["ppl"] == condition["ppl"] && record["protocol"] == "ctp-32")
    }
    #expect(inspected.json["evidence"]?.array?.count == 10)
    let page = try ctpack("inspect", "three.ctpack").output
    #expect(page.contains("\nSimilarity to the full model, block by block"), "\(page)")
    #expect(page.contains("\n  ctp-32, 3 windows of test.txt, products in float32\n"), "\(page)")
    // Once more gives the same records, in place of these.
    #expect(try compare("model", "--store").status == 0)
    let again = try ctpack("inspect", "three.ctpack", "--json").json["evidence"]
    #expect(again == inspected.json["evidence"])
  }

  @Test func otherModelsAndWrongOptionsAreRefused() throws {
    var small = TinyCheckpoint()
    small.layers = 2
    try small.write(to: folder, "other")
    let refused = try compare("other")
    #expect(refused.status == 64 && refused.errors.contains("blocks 3 against 2"))
    #expect(try compare("no").status == 66)
    #expect(try compare("model", "--prompt", "unknown").status == 64)
    #expect(try compare("model", "--prompt", "none", "--prompt", "default").status == 64)
    #expect(try compare("model", "--seqlen", "100000").status == 64)
    #expect(
      try ctpack("similarity", "model", "--against", "model", "--text", "test.txt").status != 0)
  }
}
