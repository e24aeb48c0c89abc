import BundleFormat
import Bytes

/// Comparable measurements: one basis (text, protocol, tokenizer, windows, arithmetic) and one prompt.
struct EvidenceGroup {
  /// The evaluation's name.
  let text: String
  /// The text, with the prompt's name if the text was measured with several prompts.
  let label: String
  let records: [EvidenceRecord]

  /// The positions of the measurements without a prompt that the rows of all prompts share: the first
  /// and the last of each model, which are all that a row shows.
  private static func sharedPlaces(_ records: [EvidenceRecord]) -> [Int] {
    var (first, last): ([String: Int], [String: Int]) = ([:], [:])
    for model in ["full", "compressed"] {
      first[model] = records.firstIndex { $0.prompt == nil && $0.model == model }
      last[model] = records.lastIndex { $0.prompt == nil && $0.model == model }
    }
    let others = records.firstIndex { $0.prompt == nil }
    return Array(Set(first.values).union(last.values).union(others.map { [$0] } ?? []))
  }

  /// All groups, in the order of the records. Choices among prompts are left to `ChoicesSection`.
  static func all(in evidence: [EvidenceRecord]) -> [EvidenceGroup] {
    let perplexities = evidence.filter { $0.choice == nil && $0.task == nil }
    return comparable(perplexities).flatMap { records -> [EvidenceGroup] in
      let text = records[0].text
      var prompts: [String] = []
      var own: [String: [Int]] = [:]
      for (place, record) in records.enumerated() {
        guard let prompt = record.prompt else { continue }
        if own[prompt] == nil { prompts.append(prompt) }
        own[prompt, default: []].append(place)
      }
      guard prompts.count > 1 else {
        return [EvidenceGroup(text: text, label: text, records: records)]
      }
      let shared = sharedPlaces(records)
      return prompts.map { prompt in
        EvidenceGroup(
          text: text, label: "\(text), `\(prompt)`",
          records: (shared + (own[prompt] ?? [])).sorted().map { records[$0] })
      }
    }
  }
}

extension EvidenceGroup {
  /// Divides records into those that may be compared with each other. Records of earlier versions,
  /// which lack their tokenizer's digest, go with the first records that differ in nothing else.
  private static func comparable(_ evidence: [EvidenceRecord]) -> [[EvidenceRecord]] {
    var groups: [[EvidenceRecord]] = []
    /// The group of a basis; of one without its tokenizer, the first group of any tokenizer.
    var places: [MeasurementBasis: Int] = [:]
    /// The groups, by basis without tokenizer, of which no record names a tokenizer yet.
    var open: [MeasurementBasis: Int] = [:]
    for record in evidence {
      let basis = record.basis
      var any = basis
      any.tokenizerDigest = nil
      let place = places[basis] ?? open.removeValue(forKey: any) ?? groups.count
      if place == groups.count {
        groups.append([])
        if basis.tokenizerDigest == nil { open[any] = place }
      }
      groups[place].append(record)
      places[basis] = place
      if places[any] == nil { places[any] = place }
    }
    return groups
  }
}

/// The section of comparisons with the full model: ratios of perplexities with paired errors, and
/// divergences where they were measured.
struct AgainstFullSection {
  private let records: [EvidenceRecord]

  init(_ evidence: [EvidenceRecord]) {
    records = evidence.filter { $0.ratio != nil || $0.divergence != nil }
  }

  var isEmpty: Bool { records.isEmpty }

  /// A table and its notes.
  var lines: [String] {
    let hasDivergence = records.contains { $0.divergence != nil }
    var rows = [["text", "model", "ppl / full's"]]
    if hasDivergence { rows[0] += ["KL mean", "KL 99 %", "KL max", "RMS Δp", "same top"] }
    for record in records {
      let model = record.model + (record.prompt.map { " + `\($0)`" } ?? "")
      var row = [
        record.text, model,
        record.ratio.map {
          Self.cell(Estimate($0.value, standardError: $0.standardError)) { Figure.fixed($0, 4) }
        } ?? "-",
      ]
      if hasDivergence {
        row +=
          record.divergence.map { d in
            [
              Self.cell(d.kl.mean, Figure.short), Self.cell(d.kl.percentiles["99"], Figure.short),
              Figure.short(d.kl.maximum), Figure.percent(d.rmsDp.value),
              Self.cell(d.sameTop, Figure.percent),
            ]
          } ?? Array(repeating: "-", count: 5)
      }
      rows.append(row)
    }
    return Output.table(rows, right: Set(2..<rows[0].count)) + [
      "  Compared with the full model without a prompt on the same tokens; ± is one standard error"
        + (hasDivergence ? "; KL in nats per token." : ".")
    ]
  }

  private static func cell(_ estimate: Estimate?, _ text: (Double) -> String) -> String {
    guard let estimate else { return "-" }
    return text(estimate.value) + (estimate.standardError.map { " ± \(text($0))" } ?? "")
  }
}

/// The section of measurements in which a prompt was chosen for each window: perplexities, and the
/// number of windows that each prompt received.
struct ChoicesSection {
  private let records: [(record: EvidenceRecord, choice: ChoiceRecord)]

  init(_ evidence: [EvidenceRecord]) {
    records = evidence.compactMap { record in record.choice.map { (record, $0) } }
  }

  var isEmpty: Bool { records.isEmpty }

  /// A table and its notes.
  var lines: [String] {
    let rows =
      [["text", "rule", "decided by", "all tokens", "rest", "windows per prompt"]]
      + records.map { record, choice in
        [
          record.text, choice.rule, choice.deciding.map { "first \($0) tokens" } ?? "",
          Figure.fixed(record.ppl, 2), record.rest.map { Figure.fixed($0.ppl, 2) } ?? "-",
          choice.shares.map { "\($0.prompt) \($0.windows)" }.joined(separator: ", "),
        ]
      }
    return Output.table(rows, right: [3, 4]) + [
      "  rest: perplexity of the tokens after the deciding ones, which the rule has not seen.",
      "  attention without a number of tokens decides by the very window it is scored on; best-single and "
        + "oracle are known only after scoring. `--prompt auto` uses keys unless --route names another rule.",
    ]
  }
}
