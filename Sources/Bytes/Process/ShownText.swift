/// Text as it is shown on a terminal: characters that move the cursor, change colours, break a line
/// or reverse the direction of writing are spelled out, so that a name from a file can't pass for
/// the program's own words.
///
/// U+001B is shown as `\u{1B}`. Concerned are the control characters (U+0000 to U+001F, U+007F to
/// U+009F), the marks of direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) and
/// the separators of lines and paragraphs (U+2028, U+2029).
package enum ShownText {
  /// Returns `text` as one line: line feeds and tabs are spelled out too.
  package static func line(_ text: String) -> String { shown(text, keepsLines: false) }

  /// Returns `text` as lines: line feeds and tabs stay.
  package static func lines(_ text: String) -> String { shown(text, keepsLines: true) }

  /// Returns whether a terminal obeys `scalar` instead of showing it.
  package static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  private static func shown(_ text: String, keepsLines: Bool) -> String {
    func isSpelled(_ scalar: Unicode.Scalar) -> Bool {
      isControl(scalar) && !(keepsLines && (scalar == "\n" || scalar == "\t"))
    }
    guard text.unicodeScalars.contains(where: isSpelled) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isSpelled(scalar) {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        shown.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
      } else {
        shown.append(scalar)
      }
    }
    return String(shown)
  }
}
