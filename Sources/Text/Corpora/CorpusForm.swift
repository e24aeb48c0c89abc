import Bytes

/// The rule that makes one text of a corpus file. Perplexity depends on it, so every evaluation
/// protocol names its form.
package enum CorpusForm: Sendable, Equatable {
  /// The file's contents, unchanged.
  case plain
  /// One row per line, joined by `joiner`.
  ///
  /// With `keepsLineBreaks`, a row keeps its newline and a blank line becomes the empty row, as in
  /// the datasets library's raw WikiText-2. Otherwise rows are stripped of whitespace at both ends,
  /// as in its Penn Treebank.
  case rows(joiner: String, keepsLineBreaks: Bool)
  /// One JSON object per line: the first `limit` "text" fields, joined by `joiner`. Blank lines are
  /// skipped.
  case documents(limit: Int?, joiner: String)

  /// WikiText-2's raw test rows, joined by two newlines (protocols `ctp-1024` and `gptq-2048`).
  package static let wikiTextRows = CorpusForm.rows(joiner: "\n\n", keepsLineBreaks: true)
  /// Penn Treebank's rows, joined by a space.
  package static let pennTreebankRows = CorpusForm.rows(joiner: " ", keepsLineBreaks: false)
  /// The first 1,100 documents of C4's validation split, joined by a space.
  package static let c4Documents = CorpusForm.documents(limit: 1100, joiner: " ")

  /// The joined text and the number of rows that it consists of.
  func joined(_ content: [UInt8], file: String?) throws(Failure) -> ([UInt8], Int) {
    switch self {
    case .plain: return (content, 1)
    case .rows(let joiner, let keepsLineBreaks):
      return Self.rows(content, Array(joiner.utf8), keepsLineBreaks)
    case .documents(let limit, let joiner):
      return try Self.documents(content, limit ?? .max, Array(joiner.utf8), file)
    }
  }

  private static func rows(
    _ content: [UInt8], _ joiner: [UInt8], _ keepsLineBreaks: Bool
  ) -> ([UInt8], Int) {
    var text: [UInt8] = []
    text.reserveCapacity(content.count + content.count / 8)
    var count = 0
    for line in lines(content) {
      if count > 0 { text += joiner }
      count += 1
      let row = content[line]
      if keepsLineBreaks {
        if row.contains(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) }) {
          text += row
          if line.upperBound < content.count { text.append(0x0A) }
        }
      } else {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let stripped = row.drop(while: isBlank)
        text +=
          stripped[..<(stripped.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? stripped.startIndex)]
      }
    }
    return (text, count)
  }

  private static func documents(
    _ content: [UInt8], _ limit: Int, _ joiner: [UInt8], _ file: String?
  ) throws(Failure) -> ([UInt8], Int) {
    var text: [UInt8] = []
    var count = 0
    for (index, line) in lines(content).enumerated() {
      if count == limit { break }
      let row = Array(content[line])
      if row.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      func failure(_ finding: String) -> Failure {
        Failure(.invalidData, file: file, at: "line \(index + 1)", finding)
      }
      let value: JSON
      do {
        value = try JSON(parsing: row)
      } catch {
        let column = error.place.map { " (\($0) of the line)" } ?? ""
        throw failure(error.finding + column)
      }
      guard value.object != nil else {
        throw failure("expected an object, found \(value.kindName)")
      }
      guard let field = value["text"] else { throw failure("the field \"text\" is missing") }
      guard let document = field.string else {
        throw failure("the field \"text\" is \(field.kindName), not a string")
      }
      if count > 0 { text += joiner }
      text += document.utf8
      count += 1
    }
    return (text, count)
  }

  /// The byte ranges of the lines, without their newlines; text after the last newline is a line
  /// unless it is empty.
  private static func lines(_ content: [UInt8]) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var start = 0
    for (index, byte) in content.enumerated() where byte == 0x0A {
      lines.append(start..<index)
      start = index + 1
    }
    if start < content.count { lines.append(start..<content.count) }
    return lines
  }
}
