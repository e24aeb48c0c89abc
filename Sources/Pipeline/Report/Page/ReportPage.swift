import Bytes

/// The page of a report: one HTML document with its style, its script and its data, which loads
/// nothing. Everything but the scatter plot is in the markup, so that it is readable without scripts
/// and on paper.
package struct ReportPage {
  let data: ReportData

  package init(_ data: ReportData) { self.data = data }

  var bundles: [ReportBundle] { data.bundles }

  /// A part of the page with a heading and a place in the table of contents.
  struct Section {
    let id: String
    let title: String
    let content: [HTML]

    /// A part; nil where there is nothing to show.
    init?(_ id: String, _ title: String, _ content: [HTML]) {
      guard !content.isEmpty else { return nil }
      self.id = id
      self.title = title
      self.content = content
    }
  }

  private var sections: [Section] {
    [
      summary, inputs, comparison, provenance, divergence, tasks, layers, tokens, learning,
      transfer,
      protocols, missing,
    ].compactMap(\.self)
  }

  private var title: String {
    let names = bundles.prefix(3).map(\.name).joined(separator: ", ")
    return names + (bundles.count > 3 ? " and \(bundles.count - 3) more" : "")
  }

  /// The document.
  package var text: String {
    let sections = sections
    let body = HTML(
      "body", [:],
      [
        HTML("a", ["class": "skip", "href": "#main"], text: "Skip to the content"),
        patterns, header(sections),
        HTML(
          "main", ["id": "main", "tabindex": "-1"],
          sections.map { section in
            let heading = HTML("h2", ["id": "\(section.id)-title"], text: section.title)
            return HTML(
              "section", ["id": section.id, "aria-labelledby": "\(section.id)-title"],
              [heading] + section.content)
          }),
        footer, .data(data.json, id: "data"), .script(ReportScript.source),
      ])
    return HTML.document(HTML("html", ["lang": "en"], [head, body]))
  }

  /// The head: the policy allows this page's own script, by its digest, its style, and nothing else,
  /// so that a text which found a way into the markup could neither run nor load anything.
  private var head: HTML {
    let digest = SHA256Digest(hashing: Array(ReportScript.source.utf8))
    let policy =
      "default-src 'none'; script-src 'sha256-\(Base64.encode(digest.bytes))'; "
      + "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return HTML(
      "head", [:],
      [
        HTML("meta", ["charset": "utf-8"]),
        HTML("meta", ["http-equiv": "Content-Security-Policy", "content": policy]),
        HTML("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
        HTML("meta", ["name": "color-scheme", "content": "light dark"]),
        HTML("meta", ["name": "generator", "content": "ctpack \(data.programVersion)"]),
        HTML("link", ["rel": "icon", "href": "data:,"]),
        HTML("title", text: "\(title): report"),
        .style(ReportStyle.rules),
      ])
  }

  private func header(_ sections: [Section]) -> HTML {
    let links = sections.map { section in
      HTML("li", [:], [HTML("a", ["href": "#\(section.id)"], text: section.title)])
    }
    let bases = Set(bundles.compactMap(\.baseModelName)).sorted()
    var line = bundles.count == 1 ? "1 bundle" : "\(bundles.count) bundles"
    if !bases.isEmpty { line += " of " + bases.joined(separator: ", ") }
    return HTML(
      "header", ["class": "top"],
      [
        HTML(
          "div", ["class": "title"],
          [
            HTML("div", [:], [HTML("h1", text: title), HTML("p", ["class": "muted"], text: line)]),
            // The script shows it: without one it would do nothing.
            HTML(
              "button", ["type": "button", "id": "theme", "hidden": ""], text: "Theme: automatic"),
          ]),
        HTML("nav", ["aria-label": "Contents"], [HTML("ul", [:], links)]),
      ])
  }

  private var footer: HTML {
    HTML(
      "footer", ["class": "muted"],
      [
        HTML(
          "p",
          text:
            "Written by ctpack \(data.programVersion). Everything on this page is in this file, the "
            + "numbers also as JSON in the element “data”.")
      ])
  }

  /// The hatching of bars that are a control: they differ by more than colour.
  private var patterns: HTML {
    let line = HTML("path", ["d": "M0 8L8 0", "class": "hatch"])
    let pattern = HTML(
      "pattern", ["id": "hatch", "width": "8", "height": "8", "patternUnits": "userSpaceOnUse"],
      [line])
    return HTML(
      "svg", ["width": "0", "height": "0", "aria-hidden": "true", "class": "defs"],
      [HTML("defs", [:], [pattern])])
  }
}
