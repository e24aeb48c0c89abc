import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Prefixes, LoRA and hard prompts, built and used by the real program on a tiny model.
@Suite(.serialized) struct AdapterBuildTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  /// Settings that all learned kinds share.
  static let learned =
    "steps: 12, batch: 2, length: 16, "
    + "validation: {text: dev.txt, windows: 4, every: 4}"
  /// The kinds, with the fields of each in the recipe's `prompt` section.
  static let kinds = [
    "prefix": "tokens: 4, \(learned)", "lora": "rank: 2, targets: [q, down], \(learned)",
    "hard": "hard_text: the rain in the train",
  ]

  private func build(_ kind: String) throws {
    try folder.write(
      "\(kind).yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 6, length: 32}
      compression: {method: rtn, bits: 3, group_size: 16}
      prompt: {name: \(kind)-1, kind: \(kind), \(Self.kinds[kind] ?? "")}
      evaluation: [{text: test.txt, protocol: ctp-32, windows: 4}]
      """)
    let run = try ctpack("run", "\(kind).yaml", "--work", "work")
    #expect(run.status == 0, "\(run.errors)")
  }

  private func perplexity(_ bundle: String, _ prompt: String) throws -> Double {
    let result = try ctpack(
      "eval", bundle, "--text", "test.txt", "--protocol", "ctp-32", "--windows", "4", "--prompt",
      prompt, "--json")
    #expect(result.status == 0, "\(result.errors)")
    return try #require(result.json["ppl"]?.double)
  }

  /// Builds a bundle, audits it, measures the recorded perplexity again, lists the adapter, generates with it
  /// and removes it.
  @Test(arguments: kinds.keys.sorted()) func everyKindGoesTheWholeWay(_ kind: String) throws {
    try build(kind)
    let (bundle, name) = ("\(kind).ctpack", "\(kind)-1")
    let json = try ctpack("inspect", bundle, "--json", "--verify", "full").json
    #expect(json["verified"]?.string == "full", "\(json["problems"] ?? .null)")
    let prompt = try #require(json["prompts"]?[0])
    #expect(prompt["kind"]?.string == kind)
    let parameters = [
      "prefix": 3 * 2 * 4 * 8, "lora": 3 * 2 * (24 + 24 + 40 + 24),
      "hard": (prompt["tokens"]?.int ?? 0) * 24,
    ]
    #expect(prompt["parameters"]?.int == parameters[kind])
    #expect(prompt["bytes"]?.int == parameters[kind].map { 4 * $0 })
    #expect(prompt["validated_on"]?.array?.count == 1)
    if kind == "hard" {
      #expect(prompt["ids"]?.array?.count == prompt["tokens"]?.int)
      #expect(prompt["objective"]?.string == "none")
    }
    let evidence = try #require(json["evidence"]?.array)
    #expect(evidence.count == 4)
    let recorded = evidence.first {
      $0["model"]?.string == "compressed" && $0["prompt"]?.string == name
    }
    let measured = try perplexity(bundle, name)
    #expect(abs(measured / (recorded?["ppl"]?.double ?? 0) - 1) < 1e-6)
    let without = try perplexity(bundle, "none")
    #expect(measured != without)
    if kind == "lora" { #expect(measured < without) }

    let page = try ctpack("inspect", bundle).output
    #expect(page.contains(kind) && page.contains("learned on these weights"))
    let list = try ctpack("prompt", "list", bundle)
    #expect(list.output.contains(name) && list.output.contains(kind), "\(list.output)")
    let text = try ctpack(
      "generate", bundle, "--prompt", name, "--prompt-text", "the rain", "--max-tokens", "5",
      "--json")
    #expect(text.json["ids"]?.array?.count == 5, "\(text.errors)")
    #expect(try ctpack("prompt", "remove", bundle, name).status == 0)
    #expect(try ctpack("prompt", "list", bundle).output.contains("no prompts"))
    #expect(try ModelBundle(path: folder.file(bundle), verify: .full).check(.full).isEmpty)
  }

  @Test func adaptersTransferLikePrompts() throws {
    try build("lora")
    try build("prefix")
    let transfer = try ctpack(
      "transfer", "lora.ctpack", "prefix.ctpack", "--text", "test.txt", "--protocol", "ctp-32",
      "--windows", "4")
    #expect(transfer.status == 0, "\(transfer.errors)")
    // The weights are the same, so the perplexity is the same.
    #expect(try perplexity("prefix.ctpack", "lora-1") == perplexity("lora.ctpack", "lora-1"))
    let both = try ctpack("prompt", "list", "prefix.ctpack", "--json").json
    #expect(both.array?.map { $0["kind"]?.string } == ["lora", "prefix"])
    let clash = try ctpack(
      "transfer", "lora.ctpack", "prefix.ctpack", "--as", "prefix-1", "--allow-unvalidated")
    #expect(clash.status == 64, "\(clash.errors)")
    let audit = try ctpack("inspect", "prefix.ctpack", "--verify", "full")
    #expect(audit.status == 0, "\(audit.errors)")
  }

  /// An adapter exported in PEFT's format and imported under another name has the same perplexity. A prefix
  /// gets a routing key; LoRA has none.
  @Test(arguments: ["prefix", "lora"]) func exportAndImportKeepThePerplexity(_ kind: String) throws
  {
    try build(kind)
    let (bundle, name) = ("\(kind).ctpack", "\(kind)-1")
    let exported = try ctpack("prompt", "export", bundle, "peft-\(kind)", "--prompt", name)
    #expect(exported.status == 0, "\(exported.errors)")
    let back = try ctpack("prompt", "import", bundle, "peft-\(kind)", "--as", "back", "--json")
    #expect(back.status == 0 && back.json["validated"]?.bool == false, "\(back.errors)")
    #expect(try perplexity(bundle, "back") == perplexity(bundle, name))
    let audit = try ctpack("inspect", bundle, "--verify", "full", "--json")
    #expect(audit.status == 0, "\(audit.output)")
    let prompts = try #require(audit.json["prompts"]?.array)
    #expect(prompts.compactMap { $0["name"]?.string } == ["back", name])
    for prompt in prompts {
      let explained = prompt["routing_key_explained"]?.double
      #expect(kind == "lora" ? explained == nil : explained ?? 0 > 0, "\(prompt)")
    }
  }

  /// A prefix can start from a prompt of as many tokens; LoRA can't.
  @Test func onlyAPrefixStartsFromAPrompt() throws {
    try build("hard")
    let start = "init_from: {bundle: hard.ctpack}"
    let tokens = try ctpack("prompt", "list", "hard.ctpack", "--json").json[0]?["tokens"]?.int ?? 0
    for (kind, fields, status) in [
      ("prefix", "tokens: \(tokens)", 0), ("prefix", "tokens: 2", 64), ("lora", "rank: 2", 64),
    ] {
      try folder.write(
        "from.yaml",
        """
        model: model
        calibration: {text: train.txt, windows: 6, length: 32}
        compression: {method: rtn, bits: 3, group_size: 16}
        prompt: {kind: \(kind), \(fields), \(start), \(Self.learned)}
        """)
      let run = try ctpack("run", "from.yaml", "--work", "work")
      #expect(run.status == status, "\(run.errors)")
    }
  }
}
