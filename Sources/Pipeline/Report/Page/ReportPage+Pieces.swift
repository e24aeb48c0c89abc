import Bytes

/// The pieces that all views are made of.
extension ReportPage {
  /// A measured number, which leads to its protocol.
  func number(_ text: String, _ number: Int) -> HTML {
    let entry = data.protocols[number]
    return HTML(
      "a",
      [
        "class": "n", "href": "#protocol-\(number)",
        "title": "protocol \(number): \(entry.id), \(entry.text)",
      ], text: text)
  }

  /// A perplexity with its own standard error.
  func perplexity(_ score: ReportScore) -> HTML {
    let value = score.perplexity
    let text = number(ReportFigure.perplexity(value.value), score.protocol)
    guard let error = value.error else { return text }
    return HTML([text, HTML("span", ["class": "error"], text: " ± " + ReportFigure.error(error))])
  }

  /// A link to a protocol, for the numbers of a whole table or drawing.
  func protocolLink(_ number: Int) -> HTML {
    HTML(
      "a", ["class": "p", "href": "#protocol-\(number)", "aria-label": "Protocol \(number)"],
      text: "P\(number)")
  }

  /// A digest, shortened; the whole of it is its title.
  func digest(_ digest: SHA256Digest?) -> HTML {
    guard let digest else { return HTML("span", ["class": "muted"], text: "unknown") }
    return HTML(
      "code", ["class": "digest", "title": digest.hex], text: String(digest.hex.prefix(12)))
  }

  /// A table. The first cell of each row is its heading; columns in `right` hold numbers.
  func table(
    _ caption: String, _ head: [String], _ rows: [[HTML]], right: Set<Int> = [],
    class name: String = "plain"
  ) -> HTML {
    let cells = head.enumerated().map { index, title in
      HTML(
        "th", ["scope": "col", "class": right.contains(index) ? "num" : "word"], text: title)
    }
    let body = rows.map { row in
      HTML(
        "tr", [:],
        row.enumerated().map { index, cell in
          let kind = right.contains(index) ? "num" : "word"
          return index == 0
            ? HTML("th", ["scope": "row", "class": kind], [cell])
            : HTML("td", ["class": kind], [cell])
        })
    }
    let table = HTML(
      "table", ["class": name],
      [
        HTML("caption", text: caption), HTML("thead", [:], [HTML("tr", [:], cells)]),
        HTML("tbody", [:], body),
      ])
    return scrolling(table, label: caption)
  }

  /// A region that scrolls sideways by itself, with the keyboard too, because `content` may be wider than
  /// a phone.
  func scrolling(_ content: HTML, label: String) -> HTML {
    HTML(
      "div", ["class": "scroll", "role": "region", "aria-label": label, "tabindex": "0"], [content])
  }

  /// A number that needs no protocol, on one line.
  func plain(_ text: String) -> HTML { HTML("span", ["class": "one"], text: text) }

  /// Content that is folded away until it is asked for.
  func folded(_ summary: String, _ content: [HTML]) -> HTML {
    HTML("details", [:], [HTML("summary", text: summary)] + content)
  }

  func note(_ content: [HTML]) -> HTML { HTML("p", ["class": "note"], content) }

  /// The heading of a bundle's part of a view; none in a report on one bundle.
  func heading(_ bundle: ReportBundle) -> [HTML] {
    bundles.count == 1 ? [] : [HTML("h3", text: bundle.name)]
  }

  /// `show` for each bundle, under the bundle's name where it shows anything.
  func forEachBundle(_ show: (ReportBundle) -> [HTML]) -> [HTML] {
    bundles.flatMap { bundle in
      let content = show(bundle)
      return content.isEmpty ? [] : heading(bundle) + content
    }
  }
}
