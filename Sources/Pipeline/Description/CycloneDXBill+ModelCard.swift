import BundleFormat
import Bytes

/// The member `modelCard` of the model in a bill of materials.
extension CycloneDXBill {
  var modelCard: JSON {
    var card: JSONObject = ["modelParameters": parameters]
    let metrics = description.ownEvidence.map(metric)
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

  /// A measurement: the slice names its text and protocol, and the interval is the value ± 1.96 standard errors.
  private func metric(_ record: EvidenceRecord) -> JSON {
    let margin = 1.96 * record.pplStandardError
    let digest = record.textDigest.map { ", SHA-256 \($0.hex)" } ?? ""
    return [
      "type": "perplexity", "value": .string(Self.text(record.ppl)),
      "slice": .string(
        "text \(record.text)\(digest); protocol \(record.protocol); \(record.windows) windows, "
          + "\(record.scoredTokens) scored tokens; prompt \(record.promptLabel); "
          + "products in \(record.products)"),
      "confidenceInterval": [
        "lowerBound": .string(Self.text(record.ppl - margin)),
        "upperBound": .string(Self.text(record.ppl + margin)),
      ],
    ]
  }

  private static func text(_ value: Double) -> String { JSON.number(value).canonicalText }

  private var considerations: JSON {
    var limitations = [
      "The standard errors take tokens as independent, so that they are lower bounds."
    ]
    if description.evidence.isEmpty {
      limitations = ["This file records no measurement of its quality."]
    }
    for adapter in description.adapters where adapter.unvalidated {
      limitations.append("The adapter \(adapter.name) was never measured on these weights.")
    }
    var object: JSONObject = ["technicalLimitations": JSON(limitations)]
    let costs = description.ownEvidence.compactMap(cost)
    if !costs.isEmpty { object["performanceTradeoffs"] = JSON(costs) }
    return .object(object)
  }

  /// A sentence on what compression cost on one text: the measurement beside that of the full model, with the same
  /// protocol, text and tokens. nil if the full model wasn't measured so.
  private func cost(_ record: EvidenceRecord) -> String? {
    let full = description.evidence.last {
      $0.model == "full" && $0.prompt == nil && $0.protocol == record.protocol
        && $0.text == record.text && $0.textDigest == record.textDigest
        && $0.windows == record.windows && $0.scoredTokens == record.scoredTokens
    }
    guard let full else { return nil }
    return "Perplexity of \(record.text) by \(record.protocol) over \(record.scoredTokens) tokens: "
      + "\(Figure.fixed(full.ppl, 2)) of the full model, \(Figure.fixed(record.ppl, 2)) of this one, "
      + "prompt \(record.promptLabel)."
  }
}
