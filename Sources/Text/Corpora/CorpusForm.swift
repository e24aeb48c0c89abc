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
  /// One JSON object per line, or a JSON array of objects: the first `limit` "text" fields, joined by
  /// `joiner`. Blank lines are skipped.
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
      var row = content[line]
      // The line ends of Windows are read as newlines, as Python reads text.
      if row.last == 0x0D { row = row.dropLast() }
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
    func take(_ value: JSON, _ place: String) throws(Failure) {
      func failure(_ finding: String) -> Failure {
        Failure(.invalidData, file: file, at: place, finding)
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
    if let rows = try array(content, file) {
      for (index, row) in rows.prefix(limit).enumerated() { try take(row, "row \(index + 1)") }
      return (text, count)
    }
    for (index, line) in lines(content).enumerated() {
      if count == limit { break }
      let row = Array(content[line])
      if row.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      let value: JSON
      do {
        value = try JSON(parsing: row)
      } catch {
        if text.isEmpty, let whole = try? JSON(parsing: content), whole.object != nil {
          throw Failure(
            .invalidData, file: file, "is one JSON object, not rows {\"text\": …}",
            advice: "give one object per line; plain text has a name that doesn't end in .json")
        }
        let column = error.place.map { " (\($0) of the line)" } ?? ""
        throw Failure(.invalidData, file: file, at: "line \(index + 1)", error.finding + column)
      }
      try take(value, "line \(index + 1)")
    }
    return (text, count)
  }

  /// The elements of a file that is one JSON array of objects; nil for any other file.
  private static func array(_ content: [UInt8], _ file: String?) throws(Failure) -> [JSON]? {
    let start = content.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    guard start.first == UInt8(ascii: "["),
      start.dropFirst().first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) })
        == UInt8(ascii: "{")
    else { return nil }
    return try JSON(parsing: content, file: file).array
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

extension CorpusForm {
  /// The form of a file that is given without one: plain text, except for documents in JSON, joined
  /// by spaces. A name that ends in `.jsonl` says that the file holds documents; one that ends in
  /// `.json` may belong to documents or to text, and the content decides.
  init(of bytes: ByteSlice, named path: String) {
    let documents = CorpusForm.documents(limit: nil, joiner: " ")
    let name = path.lowercased()
    if path.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") || name.hasSuffix(".jsonlines") {
      self = documents
    } else if name.hasSuffix(".json") || name.hasSuffix(".jsonl") {
      self = Self.startsWithObject(bytes.withoutByteOrderMark) ? documents : .plain
    } else {
      self = .plain
    }
  }

  /// Whether the text begins with `{`, or with an array of objects.
  private static func startsWithObject(_ bytes: ByteSlice) -> Bool {
    var isArray = false
    for index in 0..<bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0A, 0x0D: continue
      case UInt8(ascii: "["):
        if isArray { return false }
        isArray = true
      case UInt8(ascii: "{"): return true
      default: return false
      }
    }
    return false
  }
}
