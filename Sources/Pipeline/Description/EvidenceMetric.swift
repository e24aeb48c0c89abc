import BundleFormat
import Bytes

/// A number of a measurement with its standard error, under the id that lists of metrics have for it.
///
/// It is written only together with the protocol of its measurement (`EvidenceRecord.protocolLabel`).
struct EvidenceMetric {
  /// The metric's id: "perplexity", "kl_divergence", "acc" …
  let type: String
  /// The metric in words.
  let name: String
  let value: Double
  /// ≥ 0; nil where the measurement is too short to tell.
  let standardError: Double?
  /// The digest of the full model's weights, if the number compares with it and the digest is known.
  var fullDigest: SHA256Digest?
}

extension EvidenceRecord {
  /// The numbers of the measurement: the metrics of a task; or the perplexity, its ratio to the full model's
  /// and the divergence from the full model, where they were measured.
  var metricList: [EvidenceMetric] {
    if let task { return task.metrics.map { task.metric($0.name, $0.estimate) } }
    var list = [
      EvidenceMetric(
        type: "perplexity", name: "Perplexity", value: ppl, standardError: pplStandardError)
    ]
    if let ratio {
      list.append(
        EvidenceMetric(
          type: "ratio_to_full", name: "Perplexity / full model's", value: ratio.value,
          standardError: ratio.standardError, fullDigest: ratio.modelDigest))
    }
    return list + (divergence?.metricList ?? [])
  }

  /// The protocol in a clause: "ctp-1024, 16 windows", or "lm-eval-0.4, 0-shot, 9 of 12 rows"; then the products'
  /// precision if it isn't float32, and the prompt.
  var protocolLabel: String {
    let amount =
      task.map { "\($0.shots)-shot, \($0.rows) rows" }
      ?? "\(Figure.count(windows)) \(windows == 1 ? "window" : "windows")"
    let precision = arithmetic.map { ", products in \($0)" } ?? ""
    return "\(`protocol`), \(amount)\(precision), prompt: \(promptLabel)"
  }
}

extension DivergenceRecord {
  fileprivate var metricList: [EvidenceMetric] {
    let numbers: [(String, String, Estimate?)] = [
      ("kl_divergence", "KL divergence from the full model in nats, mean", kl.mean),
      (
        "kl_divergence_p99", "KL divergence from the full model in nats, 99 % percentile",
        kl.percentiles["99"]
      ),
      ("same_top_token", "Same top token as the full model, share", sameTop),
      ("dp_rms", "Change of a token's probability from the full model's, RMS", rmsDp),
    ]
    return numbers.compactMap { type, name, estimate in
      estimate.map {
        EvidenceMetric(
          type: type, name: name, value: $0.value, standardError: $0.standardError,
          fullDigest: modelDigest)
      }
    }
  }
}

extension TaskRecord {
  /// "9 of 12", or "12" if all rows were answered.
  var rows: String {
    seen == total ? Figure.count(total) : "\(Figure.count(seen)) of \(Figure.count(total))"
  }

  /// The rows whose answers under `metric` differ from those of the full model without a prompt; nil if they
  /// weren't compared.
  func flipsFromFull(_ metric: String) -> TaskFlipsRecord? {
    flips.first { $0.metric == metric && $0.against == "full" }
  }

  /// Whether the results are of the same questions in the same form, so that they may be compared.
  func hasSameQuestions(as other: TaskRecord) -> Bool {
    func files(_ task: TaskRecord) -> [String: SHA256Digest] {
      Dictionary(task.files.map { ($0.role, $0.file.sha256) }) { first, _ in first }
    }
    return name == other.name && shots == other.shots && seen == other.seen
      && total == other.total && files(self) == files(other)
  }

  fileprivate func metric(_ name: String, _ estimate: Estimate) -> EvidenceMetric {
    let words = [
      "acc": "Accuracy", "acc_norm": "Accuracy, normalized by length",
      "exact_match": "Exact match", "perplexity": "Perplexity of the right answers",
    ]
    return EvidenceMetric(
      type: name, name: words[name] ?? name, value: estimate.value,
      standardError: estimate.standardError)
  }
}
