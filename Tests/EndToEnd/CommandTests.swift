import Bytes
import Foundation
import TestSupport
import Testing

/// Commands on a finished bundle: eval, tokenize, generate, transfer, recode.
@Suite(.serialized) struct CommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    #expect(try shop.ctpack("run", "small.yaml", "--out", "three.ctpack").status == 0)
  }

  @Test func evalReadsBundlesAndCheckpoints() throws {
    let options = ["--text", "test.txt", "--seqlen", "32", "--windows", "12", "--json"]
    let evidence = try #require(
      try ctpack("inspect", "three.ctpack", "--json").json["evidence"]?.array)
    func stored(_ model: String, prompted: Bool) -> Double? {
      evidence.first {
        $0["text"]?.string == "held-out" && $0["model"]?.string == model
          && ($0["prompt"]?.string != nil) == prompted
      }?["ppl"]?.double
    }
    let auto = try ctpack.run(["eval", "three.ctpack"] + options)
    #expect(auto.status == 0, "\(auto.errors)")
    for key in [
      "protocol", "ppl", "ppl_stderr", "nll", "scored_tokens", "tokens", "windows", "prompt",
      "arithmetic",
    ] {
      #expect(auto.json[key] != nil, "\(key)")
    }
    #expect(auto.json["prompt"]?.string == "default")
    #expect(auto.json["protocol"]?.string == "ctp-32")
    #expect(auto.json["scored_tokens"]?.int == 12 * 31)
    #expect(auto.json["ppl"]?.double == stored("compressed", prompted: true))
    let ppl = try #require(auto.json["ppl"]?.double)
    let nll = try #require(auto.json["nll"]?.double)
    #expect(abs(exp(nll) - ppl) < 1e-9 * ppl)

    let none = try ctpack.run(["eval", "three.ctpack", "--prompt", "none"] + options)
    #expect(none.json["ppl"]?.double == stored("compressed", prompted: false))
    #expect(none.json["prompt"]?.isNull == true)
    let full = try ctpack.run(["eval", "model"] + options)
    #expect(full.json["ppl"]?.double == stored("full", prompted: false))
  }

  @Test func tokenizeAgreesForBundleAndFolder() throws {
    try folder.write("page.txt", "the rain — in the train\n\n  Ünïcode 🌧")
    let bundle = try ctpack("tokenize", "three.ctpack", "page.txt", "--json")
    let model = try ctpack("tokenize", "model", "page.txt", "--json")
    #expect(bundle.status == 0 && bundle.json == model.json)
    let ids = try #require(bundle.json["ids"]?.array)
    #expect(bundle.json["count"]?.int == ids.count)
    // "t" is byte 116, id 117; "he" is the second merge, id 258.
    #expect(ids.prefix(2).map(\.int) == [117, 258])
    let plain = try ctpack("tokenize", "model", "page.txt")
    #expect(plain.output.split(whereSeparator: \.isWhitespace).count == ids.count)
    try folder.write("empty.txt", "")
    #expect(try ctpack("tokenize", "model", "empty.txt", "--json").json["count"]?.int == 0)
  }

  /// A folder that holds nothing but a tokenizer.
  @Test func tokenizeNeedsNoWeights() throws {
    try folder.write("page.txt", "the rain in the train")
    try folder.write("vocabulary/tokenizer.json", TinyCheckpoint.tokenizer.canonicalBytes)
    let alone = try ctpack("tokenize", "vocabulary", "page.txt", "--json")
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(try alone.json == ctpack("tokenize", "model", "page.txt", "--json").json)
    try folder.write("empty/notes.txt", "none here")
    let none = try ctpack("tokenize", "empty", "page.txt")
    #expect(none.status != 0 && none.errors.contains("has no tokenizer"), "\(none.errors)")
  }

  /// Commands that audit, code or decode take a number of threads, and say the same with any.
  @Test func threadsNeverChangeAResult() throws {
    func same(_ arguments: String..., status: Int32 = 0, writes file: String? = nil) throws {
      let runs = try ["1", "3"].map { threads in
        let run = try ctpack.run(arguments + ["--threads", threads])
        #expect(run.status == status, "\(arguments): \(run.errors)")
        return try (run.output, file.map { try folder.read($0) })
      }
      #expect(runs[0].0 == runs[1].0 && runs[0].1 == runs[1].1, "\(arguments)")
    }
    try same("inspect", "three.ctpack", "--verify", "full", "--entropy", "--json")
    try same(
      "recode", "three.ctpack", "coded.ctpack", "--storage", "coded", "--json",
      writes: "coded.ctpack")
    try same("inspect", "coded.ctpack", "--verify", "full", "--entropy", "--json")
    try same("diff", "three.ctpack", "coded.ctpack")
    try same("compact", "coded.ctpack", "--out", "again.ctpack", "--json", writes: "again.ctpack")
    #expect(try ctpack("inspect", "three.ctpack", "--threads", "0").status == 64)
  }

  /// The size of the whole file beside other forms of the same model.
  @Test func theWholeFileIsWeighed() throws {
    let bytes = try folder.read("three.ctpack").count
    let json = try ctpack("inspect", "three.ctpack", "--json").json
    let size = try #require(json["whole_file"])
    let weights = try #require(json["parameters"]?.int)
    #expect(size["bytes"]?.int == bytes)
    #expect(size["float32"]?["bytes"]?.int == 4 * weights)
    #expect(size["float32"]?["ratio"]?.double == Double(bytes) / Double(4 * weights))
    #expect(size["float16"]?["bytes"]?.int == 2 * weights)
    // The source is all files of the folder; its size is in the provenance.
    let source = try ["config.json", "tokenizer.json", "model.safetensors"].reduce(0) {
      try $0 + folder.read("model/" + $1).count
    }
    #expect(size["source"]?["bytes"]?.int == source)
    #expect(size["source"]?["ratio"]?.double == Double(bytes) / Double(source))
    for arguments in [["inspect", "three.ctpack"], ["prompt", "list", "three.ctpack"]] {
      let page = try ctpack.run(arguments).output
      let line = try #require(page.split(separator: "\n").first { $0.contains("whole file") })
      for form in [" of its source (", " of float16 (", " of float32 ("] {
        #expect(line.contains(form), "\(line)")
      }
    }
    let again = ["run", "small.yaml", "--out", "three.ctpack"]
    let built = try ctpack.run(again + ["--json"]).json["whole_file"]
    #expect(built == size)
    let page = try ctpack.run(again).output
    #expect(page.contains("whole file") && page.contains(" of its source ("), "\(page)")
  }

  @Test func generateIsGreedyAndDeterministic() throws {
    let arguments = [
      "generate", "three.ctpack", "--prompt-text", "the rain in", "--max-tokens", "9",
    ]
    let first = try ctpack.run(arguments + ["--json"])
    #expect(first.status == 0, "\(first.errors)")
    let ids = try #require(first.json["ids"]?.array)
    #expect((1...9).contains(ids.count))
    let other = try ctpack.run(arguments + ["--json", "--threads", "1"])
    #expect(other.json == first.json)
    let streamed = try ctpack.run(arguments)
    let text = try #require(first.json["text"]?.string)
    #expect(streamed.output == text + "\n")
  }

  @Test func aPromptMovesToAnotherCompressionInPlace() throws {
    try folder.write(
      "four.yaml", Workshop.recipe(bits: 4).replacing("tokens: 4", with: "tokens: 3\n  name: own"))
    #expect(
      try ctpack("run", "four.yaml", "--work", "small.work", "--out", "four.ctpack").status == 0)
    let before = try folder.read("four.ctpack")

    let refused = try ctpack("transfer", "three.ctpack", "four.ctpack")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--allow-unvalidated"))
    #expect(try folder.read("four.ctpack") == before)

    let moved = try ctpack(
      "transfer", "three.ctpack", "four.ctpack", "--as", "moved", "--text", "test.txt", "--seqlen",
      "32", "--windows", "4", "--json")
    #expect(moved.status == 0, "\(moved.errors)")
    #expect(moved.json["validated"]?.bool == true)
    #expect(moved.json["evidence"]?.array?.count == 2)
    let after = try folder.read("four.ctpack")
    #expect(after.count - before.count < 100_000, "the weights were written again")

    let inspected = try ctpack("inspect", "four.ctpack", "--json", "--verify", "full")
    #expect(inspected.status == 0, "\(inspected.output)")
    let names = inspected.json["prompts"]?.array?.compactMap { $0["name"]?.string }
    #expect(names == ["moved", "own"])
    let listed = try ctpack("prompt", "list", "four.ctpack")
    #expect(listed.output.contains("moved") && listed.output.contains("own"))

    // One prompt has three tokens, the other four; rules choose among them nevertheless.
    for rule in ["keys", "loss", "attention"] {
      let chosen = try ctpack(
        "eval", "four.ctpack", "--text", "test.txt", "--seqlen", "32", "--route", rule, "--json")
      #expect(chosen.status == 0, "\(chosen.errors)")
      let choice = try #require(chosen.json["choice"]?["windows"]?.object)
      #expect(Set(choice.keys) == ["moved", "own"])
      let windows = choice.values.compactMap(\.int).reduce(0, +)
      #expect(windows > 0 && windows == chosen.json["windows"]?.int)
    }
    #expect(try ctpack("prompt", "remove", "four.ctpack", "moved").status == 0)
    #expect(try ctpack("inspect", "four.ctpack", "--verify", "full").status == 0)
  }

  @Test func aPromptOfAnotherModelIsRefused() throws {
    var model = TinyCheckpoint()
    model.seed = 2
    try model.write(to: folder, "other")
    try folder.write("other.yaml", Workshop.recipe(model: "other"))
    #expect(
      try ctpack("run", "other.yaml", "--work", "other.work", "--out", "other.ctpack").status == 0)
    let before = try folder.read("other.ctpack")
    let refused = try ctpack(
      "transfer", "three.ctpack", "other.ctpack", "--as", "foreign", "--allow-unvalidated")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("base model"), "\(refused.errors)")
    for bundle in ["three.ctpack", "other.ctpack"] {
      let inspected = try ctpack("inspect", bundle, "--json").json
      let base = try #require(inspected["provenance"]?["base_model"]?.string)
      #expect(refused.errors.contains(base), "\(bundle): \(refused.errors)")
    }
    #expect(try folder.read("other.ctpack") == before)
  }

  /// A coded copy has the same digest, evidence and perplexity, and recoding it restores the same bytes.
  @Test func recodedBundlesAreTheSameModel() throws {
    let recoded = try ctpack(
      "recode", "three.ctpack", "coded.ctpack", "--storage", "coded", "--json")
    #expect(recoded.status == 0, "\(recoded.errors)")
    let before = try ctpack("inspect", "three.ctpack", "--json")
    #expect(recoded.json["digest"]?.string == before.json["digest"]?.string)
    #expect(recoded.json["before"]?["storage"]?.string == "mapped")
    #expect(recoded.json["after"]?["storage"]?.string == "coded")
    func bits(_ key: String) -> Double {
      recoded.json[key]?["compressed_bits_per_weight"]?.double ?? .nan
    }
    #expect(bits("after") < bits("before"))
    #expect(try folder.read("coded.ctpack").count < folder.read("three.ctpack").count)

    let audit = try ctpack(
      "inspect", "coded.ctpack", "--verify", "full", "--entropy", "--json")
    #expect(audit.status == 0, "\(audit.errors)")
    for key in ["digest", "weights_digest", "prompts", "evidence", "provenance"] {
      #expect(audit.json[key] == before.json[key], "\(key)")
    }
    let layers = try #require(audit.json["compressed_layers"])
    #expect(layers["bits_per_weight"]?["total"]?.double == bits("after"))
    #expect(layers["mapped_bits_per_weight"]?["total"]?.double == bits("before"))
    let entropy = try #require(layers["entropy"]?["codes"]?.double)
    #expect(entropy > 1 && entropy < 3)
    #expect(before.json["compressed_layers"]?["entropy"]?.isNull == true)
    let page = try ctpack("inspect", "coded.ctpack", "--entropy")
    for word in ["stored (coded)", "directly mapped", "entropy", "codes", "scales", "zeros"] {
      #expect(page.output.contains(word), "\(word)")
    }

    let eval = ["--text", "test.txt", "--seqlen", "32", "--windows", "12", "--json"]
    let (one, other) = (
      try ctpack.run(["eval", "three.ctpack"] + eval),
      try ctpack.run(["eval", "coded.ctpack"] + eval)
    )
    #expect(one.status == 0 && one.json["ppl"]?.double == other.json["ppl"]?.double)

    #expect(
      try ctpack("recode", "coded.ctpack", "back.ctpack", "--storage", "mapped").status == 0)
    #expect(try folder.read("back.ctpack") == folder.read("three.ctpack"))
    let same = try ctpack("recode", "coded.ctpack", "./coded.ctpack", "--storage", "mapped")
    #expect(same.status == 64)
    #expect(same.errors.contains("name another file"))
    #expect(try ctpack("recode", "coded.ctpack", "o.ctpack", "--storage", "small").status == 64)
    #expect(try ctpack("recode", "no.ctpack", "o.ctpack", "--storage", "coded").status == 66)
    #expect(!folder.names.contains("o.ctpack"))
  }

  /// `package: {storage: coded}` gives a coded bundle, and a transfer to it in place keeps it coded.
  @Test func recipesChooseTheStorage() throws {
    try folder.write(
      "coded.yaml", Workshop.recipe(bits: 4) + "\npackage: {storage: coded}\n")
    #expect(
      try ctpack("run", "coded.yaml", "--work", "small.work", "--out", "four.ctpack").status == 0)
    let before = try ctpack("inspect", "four.ctpack", "--json", "--verify", "full")
    #expect(before.status == 0, "\(before.errors)")
    #expect(before.json["compressed_layers"]?["storage"]?.string == "coded")
    let moved = try ctpack(
      "transfer", "three.ctpack", "four.ctpack", "--as", "moved", "--text", "test.txt", "--seqlen",
      "32", "--windows", "4", "--json")
    #expect(moved.status == 0, "\(moved.errors)")
    let after = try ctpack("inspect", "four.ctpack", "--json", "--verify", "full")
    #expect(after.status == 0, "\(after.errors)")
    #expect(after.json["compressed_layers"] == before.json["compressed_layers"])
    #expect(after.json["weights_digest"] == before.json["weights_digest"])
    let names = after.json["prompts"]?.array?.compactMap { $0["name"]?.string }
    #expect(names == ["default", "moved"])
  }
}
