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

  /// A measurement in the form of a hub's model index: one result with all its metrics. The protocol stands in each
  /// metric's name, because pages show nothing else beside the number, and again among the arguments.
  private func result(_ record: EvidenceRecord) -> JSON {
    let metrics = record.metricList.map { metric -> JSON in
      [
        "type": .string(metric.type),
        "name": .string("\(metric.name) (\(record.protocolLabel))"),
        "value": .number(metric.value), "args": .object(arguments(of: metric, in: record)),
      ]
    }
    guard let task = record.task else {
      return [
        "task": ["type": "text-generation", "name": "Language modelling"],
        "dataset": ["type": .string(record.text), "name": .string(record.text)],
        "metrics": .array(metrics),
      ]
    }
    return [
      "task": ["type": "text-generation", "name": "Answering questions"],
      "dataset": [
        "type": .string(task.name), "name": .string("\(task.name) (\(task.shots)-shot)"),
        "args": ["num_few_shot": JSON(task.shots)],
      ],
      "metrics": .array(metrics),
    ]
  }

  /// All that the number depends on, and what its error says of it.
  private func arguments(of metric: EvidenceMetric, in record: EvidenceRecord) -> JSONObject {
    var arguments: JSONObject = [
      "protocol": .string(record.protocol),
      "prompt": record.prompt.map { .string($0) } ?? "none",
    ]
    if let task = record.task {
      arguments["rows_seen"] = JSON(task.seen)
      arguments["rows_total"] = JSON(task.total)
      arguments["truncated_rows"] = JSON(task.truncated)
      arguments["num_few_shot"] = JSON(task.shots)
      for (role, file) in task.files { arguments["\(role)_sha256"] = .string(file.sha256.hex) }
      arguments["against_full"] = task.flipsFromFull(metric.type)?.summary
    } else {
      arguments["windows"] = JSON(record.windows)
      arguments["scored_tokens"] = JSON(record.scoredTokens)
      arguments["text_sha256"] = record.textDigest.map { .string($0.hex) }
      arguments["choice"] = record.choice?.json
    }
    arguments["standard_error"] = metric.standardError.map { .number($0) }
    arguments["arithmetic"] = .string(record.products)
    arguments["full_model_sha256"] = metric.fullDigest.map { .string($0.hex) }
    return arguments
  }
}

extension EvidenceRecord {
  /// The precision of matrix products: "float32", "bfloat16".
  var products: String { basis.arithmetic }

  /// The prompt's name, and the rule if one was chosen for each window: "auto (keys, first 256 tokens)".
  var promptLabel: String {
    guard let prompt else { return "none" }
    guard let choice else { return prompt }
    let tokens = choice.deciding.map { ", first \($0) tokens" } ?? ""
    return "\(prompt) (\(choice.rule)\(tokens))"
  }
}

extension TaskFlipsRecord {
  /// The numbers of rows that are answered differently, by direction, and McNemar's p.
  fileprivate var summary: JSON {
    [
      "right_to_wrong": JSON(rightToWrong.count), "wrong_to_right": JSON(wrongToRight.count),
      "wrong_to_wrong": JSON(wrongToWrong.count), "mcnemar_p": .number(pValue),
    ]
  }
}
