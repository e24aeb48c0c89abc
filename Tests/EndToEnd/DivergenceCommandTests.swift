import Bytes
import Foundation
import TestSupport
import Testing

/// Ratios to the full model and divergences from it, as a user sees them: `run`, `eval --against`,
/// `inspect`, `diff`, `verify` and gates.
@Suite(.serialized) struct DivergenceCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  private let eval = ["--text", "test.txt", "--protocol", "ctp-32", "--windows", "12"]

  init() throws {
    shop = try Workshop()
    let run = try shop.ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("× full ±") && run.errors.contains("same top"))
  }

  private func evidence(_ model: String, prompted: Bool) throws -> JSON {
    let all = try ctpack("inspect", "small.ctpack", "--json").json["evidence"]?.array ?? []
    return try #require(
      all.first {
        $0["text"]?.string == "held-out" && $0["model"]?.string == model
          && ($0["prompt"]?.string != nil) == prompted
      })
  }

  /// `eval --against` gives the build's numbers, to the bit.
  @Test func evalMeasuresWhatTheBuildRecorded() throws {
    let full = try evidence("full", prompted: false)
    #expect(full["ratio"] == nil && full["divergence"] == nil)
    for (prompted, more) in [(true, []), (false, ["--prompt", "none"])] as [(Bool, [String])] {
      let stored = try evidence("compressed", prompted: prompted)
      let found = try ctpack.run(
        ["eval", "small.ctpack", "--against", "model", "--divergence", "--json"] + more + eval)
      #expect(found.status == 0, "\(found.errors)")
      #expect(found.json["ppl"] == stored["ppl"])
      #expect(found.json["against"]?["ppl"] == full["ppl"])
      #expect(found.json["against"]?["prompt"]?.isNull == true)
      #expect(found.json["ratio"] == stored["ratio"] && found.json["ratio"] != nil)
      #expect(found.json["ratio_se"] == stored["ratio_se"] && found.json["ratio_se"] != nil)
      for key in ["kl", "dp", "dp_rms", "same_top", "cor_ln_ppl", "ppl_difference"] {
        #expect(found.json["divergence"]?[key] != nil, "\(key)")
        #expect(found.json["divergence"]?[key] == stored["divergence"]?[key], "\(key)")
      }
      #expect(found.json["text_sha256"] == stored["text_sha256"])
      #expect(found.json["tokenizer_sha256"] == stored["tokenizer_sha256"])
      #expect(found.json["model_sha256"] == stored["model_sha256"])
    }
    let page = try ctpack.run(
      ["eval", "small.ctpack", "--against", "model", "--divergence"] + eval)
    #expect(page.status == 0, "\(page.errors)")
    for name in [
      "against model: ppl", "Cor(ln(PPL(Q)), ln(PPL(base)))", "Mean PPL(Q)/PPL(base)", "Mean KLD",
      "Maximum KLD", "99.9% KLD", "Median KLD", "0.1% KLD", "Minimum KLD", "Mean Δp", "75% Δp",
      "RMS Δp", "Same top p",
    ] {
      #expect(page.output.contains(name), "\(name)")
    }
    let itself = try ctpack.run(["eval", "model", "--against", "model"] + eval)
    #expect(itself.output.contains("ratio 1.0000 ± 0.0000"), "\(itself.output)")
    #expect(!itself.output.contains("KLD"))
  }

  /// Models whose tokenizers make other tokens, or whose vocabularies differ, aren't compared.
  @Test func otherTokensAreRefused() throws {
    try FileManager.default.copyItem(atPath: folder.file("model"), toPath: folder.file("other"))
    let text = String(decoding: try folder.read("other/tokenizer.json"), as: UTF8.self)
    // Without a merge the text has more tokens.
    let merge = "\"r e\""
    let list = "[\"r\",\"e\"]"
    let changed = text.replacing("," + merge, with: "").replacing("," + list, with: "")
    #expect(changed != text, "the tokenizer has no such merge: \(text.suffix(300))")
    try folder.write("other/tokenizer.json", changed)
    let failed = try ctpack.run(["eval", "small.ctpack", "--against", "other"] + eval)
    #expect(failed.status == 1, "\(failed.errors)")
    #expect(failed.errors.contains("can't be compared") && failed.errors.contains("tokenizer ("))
    let alone = try ctpack.run(["eval", "small.ctpack", "--divergence"] + eval)
    #expect(alone.status == 64 && alone.errors.contains("--against"))
  }

  @Test func inspectShowsRatiosAndDivergences() throws {
    let page = try ctpack("inspect", "small.ctpack")
    #expect(page.status == 0, "\(page.errors)")
    #expect(page.output.contains("Against the full model, paired window by window"))
    for name in ["KL mean", "same top", "full + `default`", "compressed + `default`"] {
      #expect(page.output.contains(name), "\(name)")
    }
  }

  /// The model card has what `inspect --json` has, for every model that was compared.
  @Test func theCardHasRatiosAndDivergences() throws {
    let card = try ctpack("provenance", "small.ctpack", "--as", "card")
    #expect(card.status == 0, "\(card.errors)")
    let rows = card.output.split(separator: "\n")
    for (model, prompted) in [("compressed", false), ("compressed", true), ("full", true)] {
      let record = try evidence(model, prompted: prompted)
      func cell(_ value: JSON?, _ error: JSON?, _ text: (Double) -> String) -> String {
        "| \(text(value?.double ?? .nan)) ± \(text(error?.double ?? .nan)) "
      }
      let (kl, top) = (record["divergence"]?["kl"], record["divergence"]?["same_top"])
      let ninetyNine = kl?["percentiles"]?["99"]
      let cells =
        cell(record["ratio"], record["ratio_se"]) { Figure.fixed($0, 4) }
        + cell(kl?["mean"]?["value"], kl?["mean"]?["se"], Figure.short)
        + cell(ninetyNine?["value"], ninetyNine?["se"], Figure.short)
        + cell(top?["value"], top?["se"]) { Figure.fixed($0 * 100, 2) } + "% |"
      let own = rows.filter { $0.hasPrefix("| held-out | \(model) |") && $0.contains(cells) }
      #expect(own.count == 1 && own[0].contains("| ctp-32 | 12 |"), "\(cells): \(card.output)")
    }
    #expect(card.output.components(separatedBy: "type: kl_divergence\n").count == 3)
    let bill = try ctpack("provenance", "small.ctpack", "--as", "cyclonedx").json
    let metrics = bill["metadata"]?["component"]?["modelCard"]?["quantitativeAnalysis"]?[
      "performanceMetrics"]?.array
    #expect(metrics?.filter { $0["type"] == "same_top_token" }.count == 2)
  }

  /// `diff` compares perplexities only where they were measured alike.
  @Test func diffNamesWhatKeepsNumbersFromBeingCompared() throws {
    func variant(_ name: String, windows: Int, bits: Int) throws {
      let text = Workshop.recipe(bits: bits).replacing(
        "ctp-32, windows: 12", with: "ctp-32, windows: \(windows)")
      try folder.write("\(name).yaml", text)
      let run = try ctpack("run", "\(name).yaml", "--out", "\(name).ctpack")
      #expect(run.status == 0, "\(run.errors)")
    }
    try variant("more-bits", windows: 12, bits: 4)
    let alike = try ctpack("diff", "small.ctpack", "more-bits.ctpack", "--json")
    let pairs = alike.json["measurements"]?.array ?? []
    #expect(pairs.contains { $0["text"]?.string == "held-out" && $0["ratio"]?.double != nil })
    try variant("fewer", windows: 6, bits: 4)
    let page = try ctpack("diff", "small.ctpack", "fewer.ctpack")
    #expect(page.status == 1)
    #expect(
      page.output.contains("ppl can't be compared: they differ in windows (12 and 6)"),
      "\(page.output)")
  }

  /// Gates of recipes and policies on the divergence, with the same words.
  @Test func gatesAreJudgedByNameAndMargin() throws {
    let kl = try #require(
      try evidence("compressed", prompted: true)["divergence"]?["kl"]?["mean"]?["value"]?.double)
    func gate(_ gate: String) throws -> Program.Result {
      try folder.write(
        "small.yaml", Workshop.recipe(gate: "{held-out: \(gate)}"))
      return try ctpack("run", "small.yaml", "--force")
    }
    let missed = try gate("{max_kl: \(kl / 2)}")
    #expect(missed.status == 1)
    #expect(missed.errors.contains("max_kl is") && missed.errors.contains("nothing was packaged"))
    #expect(try gate("{max_kl: \(kl)}").status == 0)
    let close = try gate("{max_kl: \(kl), margin_se: 1}")
    #expect(close.status == 1 && close.errors.contains("+ 1 ×"), "\(close.errors)")
    // The other evaluation has no divergence: the recipe is refused before anything runs.
    try folder.write("small.yaml", Workshop.recipe(gate: "{min_same_top: 0.1}"))
    let refused = try ctpack("run", "small.yaml")
    #expect(refused.status == 65)
    #expect(
      refused.errors.contains(
        "gate.min_same_top: needs `divergence: true` in the evaluation `dev`"),
      "\(refused.errors)")

    func verify(_ gate: String) throws -> Program.Result {
      try folder.write("policy.yaml", "gate: {held-out: \(gate)}")
      return try ctpack("verify", "small.ctpack", "--policy", "policy.yaml")
    }
    #expect(try verify("{max_kl: \(kl)}").status == 0)
    let judged = try verify("{max_kl: \(kl / 2)}")
    #expect(judged.status == 1 && (judged.output + judged.errors).contains("max_kl is"))
    try folder.write("policy.yaml", "gate: {dev: {max_kl: 1}}")
    let absent = try ctpack("verify", "small.ctpack", "--policy", "policy.yaml")
    #expect(absent.status == 1)
    #expect((absent.output + absent.errors).contains("max_kl can't be judged"))
  }
}
