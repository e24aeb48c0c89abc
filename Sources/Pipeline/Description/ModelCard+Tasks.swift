import BundleFormat
import Bytes

/// The tables of a model card on tasks and on the similarity of inner values.
extension ModelCard {
  /// Results of tasks, a row for each metric of each measured model.
  var tasks: [String] {
    let records = description.evidence.compactMap { record in record.task.map { (record, $0) } }
    guard !records.isEmpty else { return [] }
    let rows = records.flatMap { record, task in
      task.metrics.map { metric, estimate in
        row(record, task, metric, Estimate(estimate.value, standardError: estimate.standardError))
      }
    }
    var lines =
      ["### Tasks", ""]
      + MarkdownText.table(
        [
          "task", "metric", "model", "prompt", "result", "right → wrong", "wrong → right", "p",
          "protocol", "examples", "rows", "products",
        ], rows, right: [4, 5, 6, 7, 9, 10])
    lines += [
      "",
      "± is the standard error over rows; of rows that were cut short, the first ones were answered. Arrows count"
        + " the rows whose answer differs from that of the full model without a prompt; p is McNemar's exact"
        + " two-sided test of them. `examples` stand before each question.",
    ]
    let cut = records.filter { $0.1.truncated > 0 }.map { record, task in
      "\(MarkdownText.escaped(task.name)), \(model(record)), prompt"
        + " \(MarkdownText.escaped(record.promptLabel)): \(Figure.count(task.truncated))"
    }
    if !cut.isEmpty {
      lines.append(
        "Rows whose context was cut from the left to fit the model: \(cut.joined(separator: "; "))."
      )
    }
    return lines + [""]
  }

  private func row(
    _ record: EvidenceRecord, _ task: TaskRecord, _ metric: String, _ estimate: Estimate
  ) -> [String] {
    let flips = task.flipsFromFull(metric)
    return [
      MarkdownText.escaped(task.name), MarkdownText.escaped(metric), model(record),
      MarkdownText.escaped(record.promptLabel),
      metric == "perplexity"
        ? Self.cell(estimate) { Figure.fixed($0, 2) } : Self.percent(estimate),
      flips.map { Figure.count($0.rightToWrong.count) } ?? "–",
      flips.map { Figure.count($0.wrongToRight.count) } ?? "–",
      flips.map { Figure.short($0.pValue) } ?? "–", MarkdownText.escaped(record.protocol),
      Figure.count(task.shots), task.rows, MarkdownText.escaped(record.products),
    ]
  }

  /// The similarity of attention and activations to the full model's, over all blocks.
  var similarities: [String] {
    let rows = description.similarities.map { record, similarity -> [String] in
      let kinds = [
        SimilaritySummary(similarity.attention, errors: similarity.attentionErrors),
        SimilaritySummary(similarity.activations, errors: similarity.activationErrors),
      ]
      return [
        MarkdownText.escaped(record.text), model(record), MarkdownText.escaped(record.promptLabel),
      ] + kinds.flatMap { [$0?.medianText ?? "–", $0?.lowestText ?? "–"] } + Self.basis(record)
    }
    guard !rows.isEmpty else { return [] }
    let titles = [
      "text", "model", "prompt", "attention, median", "lowest", "activations, median", "lowest",
    ]
    return ["### Similarity to the full model", ""]
      + MarkdownText.table(titles + Self.basisTitles, rows, right: [3, 4, 5, 6, 8, 9]) + [
        "",
        "Cosine similarity (1: the same) of each block's attention rows and outputs to those of the full model"
          + " without a prompt, mean over the windows: the median of all blocks, and the lowest ± its standard error"
          + " over windows, with its block, counted from 0.",
        "",
      ]
  }
}
