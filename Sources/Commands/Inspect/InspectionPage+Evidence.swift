import BundleFormat
import Bytes

/// Numbers that can be compared: one text, one protocol, the same tokens, and one prompt.
struct EvidenceGroup {
  let text: String
  let label: String
  let records: [EvidenceRecord]

  /// In the order of the records. Choices among prompts are told elsewhere.
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
      for case let prompt? in records.map(\.prompt) where !prompts.contains(prompt) {
        prompts.append(prompt)
      }
      guard prompts.count > 1 else {
        return [EvidenceGroup(text: text, label: text, records: records)]
      }
      return prompts.map { prompt in
        EvidenceGroup(
          text: text, label: "\(text), `\(prompt)`",
          records: records.filter { $0.prompt == nil || $0.prompt == prompt })
      }
    }
  }
}

/// What choosing a prompt anew for each window gave, and where the windows went.
struct ChoicesSection {
  private let records: [(record: EvidenceRecord, choice: ChoiceRecord)]

  init(_ evidence: [EvidenceRecord]) {
    records = evidence.compactMap { record in record.choice.map { (record, $0) } }
  }

  var isEmpty: Bool { records.isEmpty }

  var lines: [String] {
    let rows =
      [["text", "choice", "by", "all scored", "rest", "windows per prompt"]]
      + records.map { record, choice in
        [
          record.text, choice.rule, choice.deciding.map { "first \($0) tokens" } ?? "",
          Figure.fixed(record.ppl, 2), record.rest.map { Figure.fixed($0.ppl, 2) } ?? "-",
          choice.shares.map { "\($0.prompt) \($0.windows)" }.joined(separator: ", "),
        ]
      }
    return [
      Output.table(rows, right: [3, 4]),
      "  attention without a number of tokens has seen the window that it is scored on; best-single and "
        + "oracle are known only afterwards. `--prompt auto` goes by keys where nothing else is asked for.",
    ]
  }
}
