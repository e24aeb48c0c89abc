import BundleFormat
import Bytes

/// The head of a model card: the YAML that hubs read.
extension ModelCard {
  /// The head's members, in the order in which they are written.
  var head: JSONObject {
    var head = JSONObject()
    head["license"] = description.statements.licence.map { .string($0.lowercased()) }
    if let base = description.hubName {
      head["base_model"] = .string(base)
      head["base_model_relation"] = "quantized"
    }
    head["library_name"] = "ctpack"
    head["pipeline_tag"] = "text-generation"
    head["tags"] = JSON(tags)
    let results = description.ownEvidence.map(result)
    if !results.isEmpty {
      head["model-index"] = [["name": .string(description.title), "results": .array(results)]]
    }
    return head
  }

  /// Tags: the program, the family, bits per code, methods, pruning, and the kinds of adapters.
  private var tags: [String] {
    var tags = ["ctpack"]
    if let family = description.configuration?.family.name { tags.append(family) }
    let tensors = description.compressedTensors
    tags += Set(tensors.filter(\.isPacked).map(\.bits)).sorted().map { "\($0)-bit" }
    tags += description.methods.map(\.name)
    if tensors.contains(where: { $0.sparsity != nil }) { tags.append("pruned") }
    let kinds = Set(description.adapters.map(\.shape.kind))
    let words: [AdapterKind: String] = [
      .soft: "soft-prompt", .hard: "hard-prompt", .prefix: "prefix-tuning", .lora: "lora",
    ]
    tags += AdapterKind.allCases.filter(kinds.contains).compactMap { words[$0] }
    return tags
  }

  /// A measurement in the form of a hub's model index. Its protocol stands in the metric's name, because
  /// pages show nothing else beside the number, and again among the arguments.
  private func result(_ record: EvidenceRecord) -> JSON {
    var arguments: JSONObject = [
      "protocol": .string(record.protocol),
      "prompt": record.prompt.map { .string($0) } ?? "none",
      "windows": JSON(record.windows), "scored_tokens": JSON(record.scoredTokens),
      "standard_error": .number(record.pplStandardError),
      "arithmetic": .string(record.products),
    ]
    arguments["text_sha256"] = record.textDigest.map { .string($0.hex) }
    arguments["choice"] = record.choice?.json
    return [
      "task": ["type": "text-generation", "name": "Language modelling"],
      "dataset": ["type": .string(record.text), "name": .string(record.text)],
      "metrics": [
        [
          "type": "perplexity",
          "name": .string("Perplexity (\(record.protocol), prompt: \(record.promptLabel))"),
          "value": .number(record.ppl), "args": .object(arguments),
        ]
      ],
    ]
  }
}

extension EvidenceRecord {
  /// The precision of matrix products; records name it only if it isn't float32.
  var products: String { json["arithmetic"]?.string ?? "float32" }

  /// The prompt's name, and the rule if one was chosen for each window: "auto (keys, first 256 tokens)".
  var promptLabel: String {
    guard let prompt else { return "none" }
    guard let choice else { return prompt }
    let tokens = choice.deciding.map { ", first \($0) tokens" } ?? ""
    return "\(prompt) (\(choice.rule)\(tokens))"
  }
}
