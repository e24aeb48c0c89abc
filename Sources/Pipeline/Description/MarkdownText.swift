import Bytes

/// Markdown for texts and tables, in which names from files can't pass for markup.
enum MarkdownText {
  /// Text in which every character that Markdown or HTML could obey is preceded by a backslash, and those that a
  /// terminal would obey are spelled out.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in ShownText.line(text).unicodeScalars {
      if "\\`*_{}[]<>()#+!|~&$".unicodeScalars.contains(scalar) { result.append("\\") }
      result.append(scalar)
    }
    return String(result)
  }

  /// A name in the font of code; a backtick in it becomes an apostrophe, because no escape has an effect there.
  static func code(_ text: String) -> String {
    let shown = ShownText.line(text).replacing("`", with: "'").replacing("|", with: "¦")
    return shown.isEmpty ? "" : "`\(shown)`"
  }

  /// The lines of a table with a heading; its cells are Markdown already.
  ///
  /// - Parameter right: the columns that are right-aligned.
  static func table(_ heading: [String], _ rows: [[String]], right: Set<Int> = []) -> [String] {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    let rule = heading.indices.map { right.contains($0) ? "--:" : "---" }
    return [line(heading), line(rule)] + rows.map(line)
  }
}
