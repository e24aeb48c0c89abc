import Bytes

/// A piece of an HTML document. Names, texts and recipes of a bundle may hold anything, so a piece is
/// made from elements whose texts and attributes are escaped here, and from nothing else.
package struct HTML: Sendable, Equatable {
  /// The markup.
  package private(set) var markup: String

  private init(markup: String) { self.markup = markup }

  /// No markup.
  package static let empty = HTML(markup: "")

  /// Elements that have no content and no end tag.
  private static let void: Set<String> = ["meta", "link", "input", "br", "hr", "col", "wbr"]

  // Without a label, the one argument would be a literal, hence a text: `HTML("br")` is the word “br”.

  /// An element with its attributes and content. Names come from this program alone.
  package init(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:],
    _ content: [HTML] = []
  ) {
    var markup = "<\(name)"
    for (key, value) in attributes { markup += " \(key)=\"\(Self.escaped(value))\"" }
    markup += ">"
    guard !Self.void.contains("\(name)") else {
      precondition(content.isEmpty, "\(name) has no content")
      self.markup = markup
      return
    }
    for piece in content { markup += piece.markup }
    self.markup = markup + "</\(name)>"
  }

  /// An element whose content is a text.
  package init(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], text: String
  ) {
    self.init(name, attributes, [HTML(text: text)])
  }

  /// A text on one line.
  package init(text: String) { markup = Self.escaped(text) }

  /// A text whose line feeds and tabs stay.
  package init(lines: String) { markup = Self.escaped(lines, keepsLines: true) }

  /// All pieces, one after the other.
  package init(_ pieces: [HTML]) { markup = pieces.map(\.markup).joined() }

  /// Replaces the characters that HTML gives a meaning, in texts and in quoted attributes. Control
  /// characters and marks of direction are spelled out, as on a terminal: a name must neither hide
  /// the rest of a line nor turn it around.
  package static func escaped(_ text: String, keepsLines: Bool = false) -> String {
    let shown = keepsLines ? ShownText.lines(text) : ShownText.line(text)
    var result = ""
    result.reserveCapacity(shown.utf8.count)
    for scalar in shown.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Literals and their interpolated values are texts, and are escaped like all others.
extension HTML: ExpressibleByStringInterpolation {
  package init(stringLiteral value: String) { self.init(text: value) }
}

/// The elements whose content HTML doesn't parse.
extension HTML {
  /// The page's rules of style, which are part of this program.
  package static func style(_ rules: StaticString) -> HTML {
    HTML(markup: "<style>\(rules)</style>")
  }

  /// The page's script, which is part of this program.
  package static func script(_ source: String) -> HTML {
    precondition(!source.contains("</") && !source.contains("<!--"), "it would end the element")
    return HTML(markup: "<script>\(source)</script>")
  }

  /// A JSON value for the page's script. `<`, `>` and `&` occur only in JSON's strings, where they are
  /// written as escapes, so that no text ends the element; so are control characters and marks of
  /// direction, all of which are below U+10000.
  package static func data(_ json: JSON, id: StaticString) -> HTML {
    var text = ""
    for scalar in json.canonicalText.unicodeScalars {
      if scalar == "<" || scalar == ">" || scalar == "&" || ShownText.isControl(scalar) {
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return HTML(markup: "<script type=\"application/json\" id=\"\(id)\">\(text)</script>")
  }

  /// The document: its type, then the root element.
  package static func document(_ root: HTML) -> String { "<!DOCTYPE html>\n" + root.markup + "\n" }
}
