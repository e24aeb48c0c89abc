import Bytes

/// The protocols that the numbers lead to, and what could not be shown.
extension ReportPage {
  var protocols: Section? {
    let rows = data.protocols.all.enumerated().map { index, entry -> HTML in
      let cells: [HTML] = [
        HTML("th", ["scope": "row"], text: "P\(index + 1)"),
        HTML(
          "td", [:],
          [HTML("strong", text: entry.id), HTML("div", ["class": "muted"], text: entry.meaning)]),
        HTML("td", [:], [HTML("div", text: entry.text), digest(entry.textDigest)]),
        HTML("td", [:], [digest(entry.tokenizer)]),
        HTML("td", ["class": "num"], text: entry.windows.map(Figure.count) ?? "–"),
        HTML("td", ["class": "num"], text: entry.amount),
        HTML("td", [:], text: entry.arithmetic ?? "–"),
      ]
      return HTML("tr", ["id": "protocol-\(index + 1)", "tabindex": "-1"], cells)
    }
    guard !rows.isEmpty else { return nil }
    let titles = ["", "protocol", "text", "tokenizer", "windows", "scored", "arithmetic"]
    let head = titles.map { HTML("th", ["scope": "col"], text: $0) }
    let caption = "How each number was measured; digests are SHA-256, whole when pointed at"
    let table = HTML(
      "table", ["class": "plain protocols"],
      [
        HTML("caption", text: caption), HTML("thead", [:], [HTML("tr", [:], head)]),
        HTML("tbody", [:], rows),
      ])
    return Section(
      "protocols", "Protocols",
      [
        HTML(
          "p",
          text:
            "Every number links to a row of this table. Two numbers were compared only where all of the "
            + "row is the same: the protocol, the text, the tokenizer, the windows, the scored tokens, the "
            + "arithmetic."),
        scrolling(table, label: "Protocols"),
      ])
  }

  /// The views for which no input holds anything, and how to get it.
  var missing: Section? {
    var lines: [String] = []
    func need(_ isThere: Bool, _ line: String) { if !isThere { lines.append(line) } }
    need(
      bundles.contains { !$0.scores.isEmpty },
      "Perplexities: none is stored. A recipe’s `evaluation` measures and stores them.")
    need(
      divergence != nil,
      "Divergence from the full model: no stored measurement has it.")
    need(tasks != nil, "Tasks and flips: no result of a task is stored.")
    need(
      tokens != nil,
      "The text coloured by what each token lost: give the full model and a text with --against and --text."
    )
    need(learning != nil, "Learning curves: no prompt has a record of its learning.")
    need(transfer != nil, "Transfers: no prompt has a measurement on weights.")
    need(
      bundles.contains { !$0.similarities.isEmpty },
      "Similarity of attention and activations: no input has it; `ctpack similarity … --store` adds it."
    )
    return Section(
      "missing", "Not shown",
      lines.isEmpty ? [] : [HTML("ul", ["class": "muted"], lines.map { HTML("li", text: $0) })])
  }
}

extension ReportProtocol {
  /// The protocol's rule in a clause.
  var meaning: String {
    switch kind {
    case .perplexity, .validation, .tokens:
      let (family, _, length) = id.partitioned
      switch family {
      case "ctp", "gptq":
        return
          "windows of \(length) tokens, one after the other; all but the first token are scored"
      case "llamacpp":
        return "windows of \(length) tokens, one after the other; the last half of each is scored"
      default: return "perplexity"
      }
    case .task: return "task; the answer is the choice of the highest likelihood"
    case .learning: return "windows of the validation text while a prompt was learned"
    case .layers:
      return "share of each layer’s output energy that became error, on the calibration text"
    case .similarity: return "cosine similarity to the full model’s, averaged over the tokens"
    }
  }

  /// Scored tokens or rows, of how many.
  var amount: String {
    guard let scored else { return "–" }
    let unit = kind == .task ? "rows" : "tokens"
    guard let available, available != scored else { return "\(Figure.count(scored)) \(unit)" }
    return "\(Figure.count(scored)) of \(Figure.count(available)) \(unit)"
  }
}

extension String {
  /// The parts before and after the last hyphen.
  fileprivate var partitioned: (String, String, String) {
    guard let at = lastIndex(of: "-") else { return (self, "", "") }
    return (String(self[..<at]), "-", String(self[index(after: at)...]))
  }
}
