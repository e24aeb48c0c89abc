import Bytes

/// A text coloured by what compression took from each of its tokens, and what the prompt gave back.
extension ReportPage {
  var tokens: Section? {
    let content = bundles.enumerated().flatMap { index, bundle -> [HTML] in
      guard let tokens = bundle.tokens, !tokens.tokens.isEmpty else { return [] }
      return heading(bundle) + [view(tokens, index + 1)]
    }
    return Section("tokens", "What each token lost", content)
  }

  private func view(_ tokens: ReportTokens, _ number: Int) -> HTML {
    let hasPrompt = tokens.tokens.contains { $0.prompted != nil }
    let spans = tokens.tokens.map { token in
      let words = [
        token.full.map { "full \(Figure.fixed($0, 2))" },
        token.compressed.map { "compressed \(Figure.fixed($0, 2))" },
        token.prompted.map { "with prompt \(Figure.fixed($0, 2))" },
      ].compactMap(\.self).joined(separator: ", ")
      return HTML(
        "span",
        [
          "data-l": step(token.lost), "data-r": step(token.regained),
          "title": words.isEmpty ? "not scored" : words + " nats",
        ], [HTML(lines: token.text)])
    }
    var content = [controls(number, hasPrompt), HTML("p", ["class": "token-text"], spans)]
    content.append(
      HTML(
        "p", ["class": "legend tokens-legend"],
        [
          "Darker is more: ",
          HTML("span", ["data-l": "1"], text: "0.1"), " ",
          HTML("span", ["data-l": "2"], text: "0.5"), " ",
          HTML("span", ["data-l": "3"], text: "1"), " ",
          HTML("span", ["data-l": "4"], text: "2 nats"),
          " less likely (solid line), ", HTML("span", ["data-l": "-1"], text: "0.1"), " ",
          HTML("span", ["data-l": "-2"], text: "0.5"), " ",
          HTML("span", ["data-l": "-3"], text: "1"), " ",
          HTML("span", ["data-l": "-4"], text: "2 nats"), " likelier (dotted line).",
        ]))
    content.append(hardest(tokens, hasPrompt))
    return HTML("div", ["class": "card token-view"], content)
  }

  /// Buttons that choose the colours, without a script.
  private func controls(_ number: Int, _ hasPrompt: Bool) -> HTML {
    let lost = HTML(
      "label", [:],
      [
        HTML(
          "input", ["type": "radio", "name": "tokens-\(number)", "value": "lost", "checked": ""]),
        " what compression took",
      ])
    let regained = HTML(
      "label", [:],
      [
        HTML("input", ["type": "radio", "name": "tokens-\(number)", "value": "regained"]),
        " what the prompt gave back",
      ])
    return HTML(
      "fieldset", ["class": "controls"],
      [HTML("legend", text: "Colour by")] + (hasPrompt ? [lost, regained] : [lost]))
  }

  /// The step of colour of a change in nats: 0 to 4, negative where the token became likelier by
  /// compression, or likelier by the prompt.
  private func step(_ nats: Double?) -> String {
    guard let nats else { return "0" }
    let size = nats.magnitude
    let step = size < 0.1 ? 0 : size < 0.5 ? 1 : size < 1 ? 2 : size < 2 ? 3 : 4
    return step == 0 ? "0" : nats < 0 ? "-\(step)" : "\(step)"
  }

  /// A text within a line: its line breaks are shown as arrows.
  private func shortened(_ text: String) -> String {
    String(text.suffix(40).map { $0.isNewline ? "↵" : $0 })
  }

  private func hardest(_ tokens: ReportTokens, _ hasPrompt: Bool) -> HTML {
    let ranked = tokens.tokens.enumerated().filter { ($0.element.lost ?? 0) > 0 }
      .sorted { ($0.element.lost ?? 0, $1.offset) > ($1.element.lost ?? 0, $0.offset) }.prefix(10)
    func cell(_ value: Double?) -> HTML {
      value.map { number(ReportFigure.signed($0, 2), tokens.protocol) } ?? "–"
    }
    let rows = ranked.map { place, token -> [HTML] in
      let before = tokens.tokens[max(0, place - 4)..<place].map(\.text).joined()
      return [
        HTML([
          HTML("span", ["class": "muted"], text: shortened(before)),
          HTML("strong", text: shortened(token.text)),
        ]),
        token.full.map { number(Figure.fixed($0, 2), tokens.protocol) } ?? "–", cell(token.lost),
      ] + (hasPrompt ? [cell(token.regained)] : [])
    }
    guard !rows.isEmpty else { return note([protocolLink(tokens.protocol)]) }
    let titles = ["token", "loss of full", "lost"] + (hasPrompt ? ["given back"] : [])
    return table(
      "The \(rows.count) tokens that lost most, in nats", titles, rows, right: [1, 2, 3])
  }
}
