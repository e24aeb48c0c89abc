import Bytes

/// Prompts on several bundles: what each prompt does to the perplexity on each set of weights that it
/// was measured on.
extension ReportPage {
  var transfer: Section? {
    let maps = TransferMap.all(data)
    let words =
      "Each cell is the change of the perplexity by the prompt of its row on the weights of its column. "
      + "A prompt’s own weights are those that it was learned on."
    return Section(
      "transfer", "Prompts across bundles",
      maps.isEmpty ? [] : [HTML("p", text: words)] + maps.map(drawing))
  }

  /// The most prompts and bundles of a map: a table has as many cells as their product.
  private static let mostShown = 100

  private func drawing(_ map: TransferMap) -> HTML {
    let columns = map.columns.prefix(Self.mostShown)
    let head = columns.map { HTML("th", ["scope": "col"], text: $0.label) }
    let rows = map.rows.prefix(Self.mostShown).map { row -> HTML in
      let cells = columns.map { column -> HTML in
        guard let value = row.cells[column.weights] else {
          return HTML("td", ["class": "muted"], text: "–")
        }
        let own = row.own == column.weights
        let title =
          "\(ReportFigure.perplexity(value.without)) without, \(ReportFigure.perplexity(value.with)) with it"
        return HTML(
          "td", ["class": "heat \(shade(value.change))\(own ? " own" : "")", "title": title],
          [number(ReportFigure.change(value.change), value.protocol), own ? " (own)" : ""])
      }
      return HTML("tr", [:], [HTML("th", ["scope": "row"], text: row.label)] + cells)
    }
    let entry = data.protocols[map.protocol]
    let caption = HTML(
      "caption", [:],
      [
        HTML(text: "Change of the perplexity of \(entry.text) (\(entry.id)); negative is better "),
        protocolLink(map.protocol),
      ])
    let left = (map.rows.count - rows.count, map.columns.count - columns.count)
    let more =
      left == (0, 0)
      ? HTML.empty
      : note([
        HTML(text: "\(left.0) more prompts and \(left.1) more weights are in the page’s data.")
      ])
    let table = scrolling(
      HTML(
        "table", ["class": "heatmap"],
        [
          caption,
          HTML(
            "thead", [:], [HTML("tr", [:], [HTML("th", ["scope": "col"], text: "prompt")] + head)]),
          HTML("tbody", [:], rows),
        ]), label: "Transfer of prompts, \(entry.text)")
    return HTML([table, more])
  }

  /// The shade of a change: better in one colour, worse in the other, in three steps each.
  private func shade(_ change: Double) -> String {
    let size = change.magnitude
    let step = size < 0.005 ? 0 : size < 0.03 ? 1 : size < 0.1 ? 2 : 3
    return step == 0 ? "h0" : change < 0 ? "better\(step)" : "worse\(step)"
  }
}

/// The measurements of all prompts under one protocol.
struct TransferMap {
  struct Row {
    let label: String
    /// The weights that the prompt was learned on; nil where unknown.
    let own: SHA256Digest?
    let cells: [SHA256Digest: ReportValidation]
  }

  let `protocol`: Int
  let columns: [(weights: SHA256Digest, label: String)]
  let rows: [Row]

  /// A map for each protocol that a prompt was measured under, in order.
  static func all(_ data: ReportData) -> [TransferMap] {
    let all = data.bundles.flatMap { bundle in
      bundle.prompts.flatMap { prompt in prompt.validations.map { (prompt, $0) } }
    }
    let names = Dictionary(
      data.bundles.map { ($0.weights, $0.name) }, uniquingKeysWith: { first, _ in first })
    return all.groupedInOrder { $0.1.protocol }.sorted { $0.key < $1.key }.map { number, own in
      let prompts = own.groupedInOrder { $0.0.digest }.map(\.elements)
      let namesakes = Dictionary(prompts.map { ($0[0].0.name, 1) }, uniquingKeysWith: +)
      let rows = prompts.map { entries in
        let prompt = entries[0].0
        // Other prompts of the same name are told apart by where they were learned.
        let home = prompt.learnedOn.map { names[$0] ?? "weights \($0.hex.prefix(8))" }
        let isAlone = namesakes[prompt.name] == 1
        return Row(
          label: isAlone ? prompt.name : "\(prompt.name) of \(home ?? "unknown weights")",
          own: prompt.learnedOn,
          cells: Dictionary(entries.map { ($0.1.weights, $0.1) }, uniquingKeysWith: { $1 }))
      }
      // Columns in the order of the inputs, then weights that no input has.
      let measured = Set(own.map(\.1.weights))
      let inputs = data.bundles.map(\.weights).filter { measured.contains($0) }
      let weights = (inputs + own.map(\.1.weights)).groupedInOrder { $0 }.map(\.key)
      let columns = weights.map { digest in
        (weights: digest, label: names[digest] ?? "weights \(digest.hex.prefix(8))")
      }
      return TransferMap(protocol: number, columns: columns, rows: rows)
    }
  }
}
