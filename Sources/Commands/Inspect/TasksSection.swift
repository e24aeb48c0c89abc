import BundleFormat
import Bytes

/// The section of tasks: the share of rows that each model answers rightly, and what flipped between
/// the full model and the artifact.
struct TasksSection {
  private let records: [(record: EvidenceRecord, task: TaskRecord)]

  init(_ evidence: [EvidenceRecord]) {
    records = evidence.compactMap { record in record.task.map { (record, $0) } }
  }

  var isEmpty: Bool { records.isEmpty }

  /// Records of the same task, rows and examples.
  private var groups: [[(record: EvidenceRecord, task: TaskRecord)]] {
    var order: [String] = []
    var groups: [String: [(record: EvidenceRecord, task: TaskRecord)]] = [:]
    for one in records {
      let files = one.task.files.map { "\($0.role) \($0.file.sha256.hex)" }.sorted()
      let key = ([one.task.name, "\(one.task.seen)", "\(one.task.shots)"] + files)
        .joined(separator: "\n")
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(one)
    }
    return order.compactMap { groups[$0] }
  }

  /// A table and its notes.
  var lines: [String] {
    var rows = [
      [
        "task", "metric", "full", "full+prompt", "compressed", "with prompt", "± σ",
        "right → wrong", "wrong → right", "other wrong", "p", "rows",
      ]
    ]
    for group in groups {
      for (name, _) in group[0].task.metrics { rows.append(row(group, name)) }
    }
    return Output.table(rows, right: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) + [
      "  ± σ, flips and p are of the row's last model against the full one; p: McNemar's exact test.",
      "  ctpack inspect --json lists the rows that flipped.",
    ]
  }

  private func row(
    _ group: [(record: EvidenceRecord, task: TaskRecord)], _ metric: String
  ) -> [String] {
    func find(_ model: String, prompted: Bool) -> TaskRecord? {
      group.last { $0.record.model == model && ($0.record.prompt != nil) == prompted }?.task
    }
    func cell(_ task: TaskRecord?) -> String {
      task?.metric(metric).map {
        Figure.fixed(metric == "perplexity" ? $0.value : $0.value * 100, 2)
          + (metric == "perplexity" ? "" : " %")
      } ?? "-"
    }
    let compressed = find("compressed", prompted: false)
    let prompted = find("compressed", prompted: true)
    let shown = prompted ?? compressed ?? group[group.count - 1].task
    let error = shown.metric(metric)?.standardError ?? 0
    let flips = shown.flips.first { $0.metric == metric }
    let shots = shown.shots == 0 ? "" : ", \(shown.shots)-shot"
    return [
      shown.name + shots, metric, cell(find("full", prompted: false)),
      cell(find("full", prompted: true)), cell(compressed), cell(prompted),
      metric == "perplexity" ? Figure.fixed(error, 2) : Figure.fixed(error * 100, 2) + " %",
      flips.map { "\($0.rightToWrong.count)" } ?? "-",
      flips.map { "\($0.wrongToRight.count)" } ?? "-",
      flips.map { "\($0.wrongToWrong.count)" } ?? "-",
      flips.map { Figure.short($0.pValue) } ?? "-",
      "\(Figure.count(shown.seen)) of \(Figure.count(shown.total))",
    ]
  }
}
