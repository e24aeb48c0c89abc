import BundleFormat
import Bytes

/// The sentences of a bill of materials on what compression cost.
extension CycloneDXBill {
  /// Sentences on one measurement beside that of the full model without a prompt: one for a text, one for each metric
  /// of a task; none if the full model wasn't measured on the same basis.
  func costs(_ record: EvidenceRecord) -> [String] {
    let full = description.evidence.last {
      $0.model == "full" && $0.prompt == nil && $0.basis.differences(from: record.basis).isEmpty
        && Self.isSameKind($0.task, record.task)
    }
    guard let full else { return [] }
    guard let task = record.task, let fullTask = full.task else {
      return [
        "Perplexity of \(record.text) by \(record.protocol) over \(record.scoredTokens) tokens: "
          + "\(Figure.fixed(full.ppl, 2)) of the full model, \(Figure.fixed(record.ppl, 2)) of this one, "
          + "prompt \(record.promptLabel)."
      ]
    }
    return task.metrics.compactMap { metric, estimate in
      fullTask.metric(metric).map { before in
        "\(metric) of \(task.name) by \(record.protocol), \(task.shots)-shot, \(task.rows) rows: "
          + "\(Figure.short(before.value)) of the full model, \(Figure.short(estimate.value)) of this one, "
          + "prompt \(record.promptLabel)" + Self.flips(task.flipsFromFull(metric)) + "."
      }
    }
  }

  private static func isSameKind(_ a: TaskRecord?, _ b: TaskRecord?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return a.hasSameQuestions(as: b)
  }

  private static func flips(_ flips: TaskFlipsRecord?) -> String {
    guard let flips else { return "" }
    return
      "; \(flips.rightToWrong.count) rows from right to wrong, \(flips.wrongToRight.count) from wrong to "
      + "right, McNemar's p \(Figure.short(flips.pValue))"
  }
}
