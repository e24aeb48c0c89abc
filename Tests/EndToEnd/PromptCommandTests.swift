import Bytes
import Foundation
import TestSupport
import Testing

/// Several prompts in one bundle: transferred, compared, chosen among, removed, and the bundle compacted.
@Suite(.serialized) struct PromptCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  static let eval = ["--text", "test.txt", "--seqlen", "32", "--windows", "6", "--json"]

  /// Builds `three.ctpack`, `four.ctpack` and `other.ctpack`, each with one prompt of four tokens.
  init() throws {
    shop = try Workshop()
    for (name, bits, seed) in [("three", 3, 0), ("four", 4, 0), ("other", 4, 7)] {
      let recipe = Workshop.recipe(bits: bits).replacing(
        "  tokens: 4", with: "  name: \(name)\n  tokens: 4")
      try shop.folder.write("\(name).yaml", recipe + "\nseed: \(seed)\n")
      let run = try shop.ctpack(
        "run", "\(name).yaml", "--work", "small.work", "--out", "\(name).ctpack")
      #expect(run.status == 0, "\(run.errors)")
    }
  }

  /// Transfers the prompts of `other.ctpack` and `three.ctpack` to `four.ctpack`, which then has three.
  private func gather() throws {
    // `three.ctpack` gets both first, so that one transfer moves several.
    try expectSuccess("transfer", "other.ctpack", "three.ctpack", "--allow-unvalidated")
    try expectSuccess(
      "transfer", "three.ctpack", "four.ctpack", "--all", "--text", "test.txt", "--seqlen", "32",
      "--windows", "4")
  }

  private func expectSuccess(_ arguments: String...) throws {
    let result = try ctpack.run(arguments)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
  }

  private func names(_ bundle: String) throws -> [String]? {
    try ctpack("prompt", "list", bundle, "--json").json.array?.compactMap { $0["name"]?.string }
  }

  @Test func severalPromptsTransferInOneStep() throws {
    try expectSuccess("transfer", "other.ctpack", "three.ctpack", "--allow-unvalidated")
    let before = try folder.read("four.ctpack")
    let refusals: [(options: [String], words: String)] = [
      (["--all", "--prompt", "three"], "--prompt"), (["--all", "--as", "x"], "--as"),
      ([], " with --prompt"),
      (["--prompt", "three", "--prompt", "other", "--as", "x"], "--as"),
      (
        [
          "--prompt", "three", "--prompt", "other", "--as", "x", "--as", "x", "--allow-unvalidated",
        ],
        "give each its own with --as"
      ),
      (
        ["--prompt", "three", "--as", "auto", "--allow-unvalidated"],
        "give the prompt another name with --as"
      ),
    ]
    for (options, words) in refusals {
      let result = try ctpack.run(["transfer", "three.ctpack", "four.ctpack"] + options)
      #expect(result.status == 64, "\(options): \(result.errors)")
      #expect(result.errors.contains(words), "\(options): \(result.errors)")
    }
    #expect(try ctpack("transfer", "three.ctpack", "four.ctpack", "--all").status == 1)
    #expect(try folder.read("four.ctpack") == before)

    let moved = try ctpack(
      "transfer", "three.ctpack", "four.ctpack", "--prompt", "three", "--prompt", "other", "--as",
      "a", "--as", "b", "--text", "test.txt", "--seqlen", "32", "--windows", "4", "--json")
    #expect(moved.status == 0, "\(moved.errors)")
    #expect(moved.json["generation"]?.int == 2)
    #expect(moved.json["validated"]?.bool == true)
    #expect(moved.json["evidence"]?.array?.count == 3, "once without, once with each")
    #expect(moved.json["prompts"]?.array?.compactMap { $0["name"]?.string } == ["a", "b"])
    #expect(try names("four.ctpack") == ["a", "b", "four"])
    try expectSuccess("inspect", "four.ctpack", "--verify", "full")
    let page = try ctpack("inspect", "four.ctpack")
    #expect(page.output.contains(" unused (`ctpack compact`"))
    #expect(page.output.contains("test.txt, `a`") && page.output.contains("test.txt, `b`"))
  }

  @Test func textsChooseAmongPrompts() throws {
    try gather()
    let attention = ["eval", "four.ctpack", "--route", "attention"]
    let auto = try ctpack.run(attention + Self.eval)
    #expect(auto.status == 0, "\(auto.errors)")
    #expect(auto.json["prompt"]?.string == "auto")
    let shares = try #require(auto.json["choice"]?["windows"]?.object)
    #expect(shares.keys.sorted() == ["four", "other", "three"])
    #expect(shares.keys.reduce(0) { $0 + (shares[$1]?.int ?? 0) } == 6)
    let first = try ctpack.run(attention + ["--route-tokens", "8"] + Self.eval)
    #expect(first.json["choice"]?["deciding"]?.int == 8)
    let byLoss = ["eval", "four.ctpack", "--route", "loss", "--route-tokens", "8"]
    let loss = try ctpack.run(byLoss + Self.eval)
    #expect(loss.json["choice"]?["rule"]?.string == "lowest-nll")
    #expect(loss.json["choice"]?["deciding"]?.int == 8)
    // Without --route, keys choose; transferred prompts got theirs when they were measured.
    let keys = try ctpack.run(["eval", "four.ctpack", "--route-tokens", "8"] + Self.eval)
    #expect(keys.json["choice"]?["rule"]?.string == "keys")
    #expect(keys.json["choice"]?["deciding"]?.int == 8)
    #expect(!keys.errors.contains("learning"), "\(keys.errors)")
    let inspected = try ctpack("inspect", "four.ctpack", "--json").json["prompts"]?.array
    for prompt in try #require(inspected) {
      #expect(prompt["routing_key_explained"]?.double ?? 0 > 0, "\(prompt)")
    }
    let few = try ctpack.run(byLoss.dropLast() + ["1"] + Self.eval)
    #expect(few.status == 64 && few.errors.contains("2 or more"), "\(few.errors)")
    let wrong = try ctpack.run(
      ["eval", "four.ctpack", "--prompt", "four", "--route-tokens", "8"] + Self.eval)
    #expect(wrong.status == 64)
    let named = try ctpack.run(attention + ["--prompt", "four"] + Self.eval)
    #expect(named.status == 64 && named.errors.contains("--route goes with"), "\(named.errors)")

    let compared = try ctpack.run(
      ["prompt", "compare", "four.ctpack", "--text", "dev.txt", "--part", "8"] + Self.eval)
    #expect(compared.status == 0, "\(compared.errors)")
    let rows = try #require(compared.json["rows"]?.array)
    func row(_ text: String?, rule: String? = nil, prompt: String? = nil) -> JSON? {
      rows.first {
        $0["text"]?.string == text && $0["rule"]?.string == rule
          && (rule != nil || $0["prompt"]?.string == prompt)
      }
    }
    #expect(rows.count == 3 * (1 + 3 + 7))
    #expect(row("test.txt", rule: "attention")?["ppl"] == auto.json["ppl"])
    #expect(row("test.txt", rule: "attention")?["choice"] == auto.json["choice"])
    #expect(row("test.txt", rule: "attention-part")?["ppl"] == first.json["ppl"])
    #expect(row("test.txt", rule: "lowest-nll")?["ppl"] == loss.json["ppl"])
    #expect(row("test.txt", rule: "lowest-nll")?["choice"] == loss.json["choice"])
    #expect(row("test.txt", rule: "keys")?["ppl"] == keys.json["ppl"])
    #expect(row("test.txt", rule: "keys")?["choice"] == keys.json["choice"])
    let one = try ctpack.run(["eval", "four.ctpack", "--prompt", "other"] + Self.eval)
    #expect(row("test.txt", prompt: "other")?["ppl"] == one.json["ppl"])
    let oracle = try #require(row(nil, rule: "oracle")?["ppl"]?.double)
    for rule in ["random", "best-single", "attention", "attention-part", "lowest-nll", "keys"] {
      #expect(try #require(row(nil, rule: rule)?["ppl"]?.double) >= oracle, "\(rule)")
    }
    let again = try ctpack.run(
      ["prompt", "compare", "four.ctpack", "--text", "dev.txt", "--part", "8"] + Self.eval)
    #expect(again.output == compared.output, "the same seed draws the same prompts")

    // The output of `generate` names each text's prompt.
    let generated = try ctpack(
      "generate", "four.ctpack", "--prompt-text", "the rain", "--prompt-text", "an inn",
      "--max-tokens", "5", "--json")
    #expect(generated.status == 0, "\(generated.errors)")
    let texts = try #require(generated.json["texts"]?.array)
    for text in texts {
      let name = try #require(text["prompt"]?.string)
      let scores = try #require(text["scores"]?.object)
      let best = try #require(scores[name]?.double)
      #expect(scores.keys.allSatisfy { scores[$0]?.double ?? 2 <= best })
    }
    let alone = try ctpack(
      "generate", "four.ctpack", "--prompt-text", "the rain", "--max-tokens", "5", "--json",
      "--prompt", try #require(texts[0]["prompt"]?.string))
    #expect(alone.json["ids"] == texts[0]["ids"])
  }

  @Test func storeKeepsAComparison() throws {
    try gather()
    try expectSuccess(
      "transfer", "other.ctpack", "four.ctpack", "--as", "raw", "--allow-unvalidated")
    let arguments = [
      "prompt", "compare", "four.ctpack", "--text", "test.txt", "--seqlen", "32", "--windows", "6",
      "--store",
    ]
    // One prompt has no key: its learning is reported, with a notice only if the key isn't stored.
    let unkept = try ctpack.run(Array(arguments.dropLast()))
    #expect(unkept.errors.contains("learning routing keys for `raw`"), "\(unkept.errors)")
    let stored = try ctpack.run(arguments)
    #expect(stored.status == 0, "\(stored.errors)")
    #expect(stored.errors.contains("routing    begins"), "\(stored.errors)")
    #expect(!stored.errors.contains("learning routing keys"), "\(stored.errors)")
    for word in ["no prompt", "`raw`", "best-single", "oracle", "Windows per prompt", "stored in"] {
      #expect(stored.output.contains(word), "\(word)")
    }
    let inspected = try ctpack("inspect", "four.ctpack", "--json", "--verify", "full")
    #expect(inspected.status == 0, "\(inspected.output)")
    let evidence = try #require(inspected.json["evidence"]?.array)
    let chosen = evidence.filter { $0["choice"] != nil }
    #expect(chosen.count == 7)
    #expect(chosen.allSatisfy { $0["choice"]?["windows"]?.object?.keys.count == 4 })
    let prompts = try #require(inspected.json["prompts"]?.array)
    #expect(prompts.allSatisfy { $0["unvalidated"]?.bool == false }, "measured is validated")
    let page = try ctpack("inspect", "four.ctpack")
    #expect(page.output.contains("Choosing among prompts"))
    #expect(page.output.contains("lowest-nll"))
    let repeated = try ctpack.run(arguments)
    #expect(repeated.status == 0)
    #expect(!repeated.errors.contains("routing"), "every key is stored: \(repeated.errors)")
    let again = try ctpack("inspect", "four.ctpack", "--json").json["evidence"]?.array
    #expect(again?.count == evidence.count, "newer numbers take the place of older ones")

    // Removing prompts also removes the evidence measured with them.
    let removed = try ctpack("prompt", "remove", "four.ctpack", "raw", "three", "--json")
    #expect(removed.status == 0, "\(removed.errors)")
    #expect(removed.json["prompts"]?.array?.compactMap(\.string) == ["four", "other"])
    let left = try #require(try ctpack("inspect", "four.ctpack", "--json").json["evidence"]?.array)
    #expect(left.allSatisfy { $0["choice"] == nil })
    #expect(!left.contains { ["raw", "three"].contains($0["prompt"]?.string) })
    #expect(try ctpack("prompt", "remove", "four.ctpack", "gone").status == 64)
  }

  @Test func compactingKeepsTheDigest() throws {
    try gather()
    try expectSuccess("prompt", "remove", "four.ctpack", "three", "other")
    let edited = try folder.read("four.ctpack")
    let digest = try ctpack("inspect", "four.ctpack", "--json").json["digest"]?.string
    try expectSuccess("compact", "four.ctpack", "--out", "tidy.ctpack")
    #expect(try folder.read("four.ctpack") == edited)
    let compacted = try ctpack("compact", "four.ctpack", "--json")
    #expect(compacted.status == 0, "\(compacted.errors)")
    #expect(compacted.json["digest"]?.string == digest)
    #expect(compacted.json["before"]?["file_bytes"]?.int == edited.count)
    let bytes = try folder.read("four.ctpack")
    #expect(compacted.json["after"]?["file_bytes"]?.int == bytes.count)
    #expect(bytes.count < edited.count)
    #expect(try bytes == folder.read("tidy.ctpack"))
    try expectSuccess("inspect", "four.ctpack", "--verify", "full")
    #expect(try ctpack("inspect", "four.ctpack").output.contains("unused") == false)
    #expect(try ctpack("compact", "no.ctpack").status == 66)
    #expect(try ctpack("compact", "model/config.json").status == 65)
  }
}
