import Bytes
import Pipeline
import Testing

/// Texts of a bundle on a report's page: none becomes markup, a script or a mark of direction.
@Suite struct ReportEscapingTests {
  @Test func textsStayTexts() throws {
    let page = try PageParser(ReportPage(HostileReport.data).text)
    #expect(page.all("script").count == 2)
    #expect(page.all("style").count == 1)
    #expect(page.all("img").isEmpty)
    let known: Set<String> = [
      "a", "article", "body", "button", "caption", "circle", "code", "defs", "details", "div",
      "fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "head", "header",
      "html", "input", "label", "legend", "li", "line", "link", "main", "meta", "nav", "ol",
      "option", "p", "path", "pattern", "rect", "script", "section", "select", "span", "strong",
      "style", "summary", "svg", "table", "tbody", "td", "text", "tfoot", "th", "thead", "title",
      "tr", "ul",
    ]
    for element in page.elements {
      #expect(known.contains(element.name), "<\(element.name)>")
      #expect(!element.attributes.keys.contains { $0.hasPrefix("on") || $0 == "src" })
    }
    // Every text is there, in words: only what a terminal would obey is spelled out.
    let shown = ShownText.line(HostileReport.hostile)
    #expect(page.all("h1").first?.text.contains(shown) == true)
    #expect(page.all("section").allSatisfy { $0.text.contains(shown) })
    #expect(page.all("section").count == 11)
  }

  @Test func nothingIsObeyed() {
    let page = ReportPage(HostileReport.data).text
    let obeyed = page.unicodeScalars.filter { ShownText.isControl($0) && $0 != "\n" }
    #expect(obeyed.isEmpty)
  }

  @Test func dataStayData() throws {
    let page = try PageParser(ReportPage(HostileReport.data).text)
    let script = try #require(page.all("script").first { $0.attributes["id"] == "data" })
    #expect(!script.text.contains("<") && !script.text.contains("&"))
    let json = try JSON(parsing: Array(script.text.utf8))
    #expect(json["inputs"]?[0]?["name"]?.string == HostileReport.hostile)
    #expect(json["inputs"]?[0]?["recipe"]?[HostileReport.hostile]?.string == HostileReport.hostile)
    #expect(json == HostileReport.data.json)
  }

  @Test(arguments: [
    ("a<b", "a&lt;b"), ("\"'", "&quot;&#39;"), ("&amp;", "&amp;amp;"),
    ("a\u{202E}b", "a\\u{202E}b"),
    ("a\nb", "a\\u{A}b"), ("ä→", "ä→"),
  ])
  func escapes(_ text: String, _ expected: String) {
    #expect(HTML(text: text).markup == expected)
    #expect(HTML.escaped(text) == expected)
    #expect(
      HTML("p", ["title": text], text: text).markup == "<p title=\"\(expected)\">\(expected)</p>")
    let literal: HTML = "\(text)"
    #expect(literal.markup == expected)
  }
}
