import BundleFormat
import Bytes

/// The member `modelCard` of the model in a bill of materials.
extension CycloneDXBill {
  var modelCard: JSON {
    var card: JSONObject = ["modelParameters": parameters]
    let metrics = description.ownEvidence.flatMap(metrics)
    if !metrics.isEmpty {
      card["quantitativeAnalysis"] = ["performanceMetrics": .array(metrics)]
    }
    card["considerations"] = considerations
    return .object(card)
  }

  private var parameters: JSON {
    var object: JSONObject = ["task": "text-generation", "architectureFamily": "transformer"]
    let architecture = (try? description.bundle.configuration)?["architectures"]?[0]?.string
    object["modelArchitecture"] = architecture.map { .string($0) }
    object["datasets"] = .array(dataReferences.map { ["ref": .string($0)] })
    object["inputs"] = [["format": "text"]]
    object["outputs"] = [["format": "text"]]
    return .object(object)
  }

  /// The numbers of a measurement: the slice names their protocol and what was measured, and the interval is the
  /// value ± 1.96 standard errors, left out where the error isn't known.
  private func metrics(_ record: EvidenceRecord) -> [JSON] {
    record.metricList.map { metric in
      let full = metric.fullDigest.map { "; full model's weights SHA-256 \($0.hex)" } ?? ""
      var object: JSONObject = [
        "type": .string(metric.type), "value": .string(Self.text(metric.value)),
        "slice": .string(Self.slice(record) + full),
      ]
      if let error = metric.standardError {
        let margin = 1.96 * error
        object["confidenceInterval"] = [
          "lowerBound": .string(Self.text(metric.value - margin)),
          "upperBound": .string(Self.text(metric.value + margin)),
        ]
      }
      return .object(object)
    }
  }

  private static func slice(_ record: EvidenceRecord) -> String {
    let rest = "; prompt \(record.promptLabel); products in \(record.products)"
    guard let task = record.task else {
      let digest = record.textDigest.map { ", SHA-256 \($0.hex)" } ?? ""
      return
        "text \(record.text)\(digest); protocol \(record.protocol); \(record.windows) windows, "
        + "\(record.scoredTokens) scored tokens" + rest
    }
    let files = task.files.map { ", \($0.role) SHA-256 \($0.file.sha256.hex)" }.joined()
    return "task \(task.name)\(files); protocol \(record.protocol); \(task.rows) rows, "
      + "\(task.truncated) with a cut context; \(task.shots)-shot" + rest
  }

  private static func text(_ value: Double) -> String { JSON.number(value).canonicalText }

  private var considerations: JSON {
    var limitations = [
      "The standard errors of perplexities take tokens as independent, so that they are lower bounds."
    ]
    if description.evidence.isEmpty {
      limitations = ["This file records no measurement of its quality."]
    }
    for record in description.ownEvidence {
      guard let task = record.task, task.seen < task.total else { continue }
      let line = "The task \(task.name) was measured on its first \(task.rows) rows."
      if !limitations.contains(line) { limitations.append(line) }
    }
    for adapter in description.adapters where adapter.unvalidated {
      limitations.append("The adapter \(adapter.name) was never measured on these weights.")
    }
    var object: JSONObject = ["technicalLimitations": JSON(limitations)]
    let costs = description.ownEvidence.flatMap(costs)
    if !costs.isEmpty { object["performanceTradeoffs"] = JSON(costs) }
    return .object(object)
  }
}
