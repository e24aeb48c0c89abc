import BundleFormat
import Bytes

/// Comparable measurements: one text, one protocol, the same tokens and one prompt.
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
    var order: [String] = []
    var groups: [String: [EvidenceRecord]] = [:]
    for record in evidence where record.choice == nil {
      let key =
        "\(record.text)\n\(record.protocol)\n\(record.scoredTokens)\n\(record.textDigest?.hex ?? "")"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(record)
    }
    return order.flatMap { key -> [EvidenceGroup] in
      let records = groups[key] ?? []
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
