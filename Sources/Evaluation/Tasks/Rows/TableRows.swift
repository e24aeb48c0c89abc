import Bytes

/// A reader of tables (RFC 4180): fields between separators, perhaps in quotation marks, within which
/// separators and newlines are text and two quotation marks are one. All fields are texts.
struct TableRows {
  let file: String
  let separator: UInt8
  /// The names of the columns; empty if the first row has them.
  let columns: [String]

  private static let quote = UInt8(ascii: "\"")
  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  func rows(_ content: [UInt8]) throws(Failure) -> [TaskRows.Row] {
    var names = columns
    var rows: [TaskRows.Row] = []
    var reader = Reader(content: content)
    while let (line, fields) = try next(&reader) {
      if fields == [""] { continue }
      if names.isEmpty {
        names = fields
        if let twice = names.enumerated().first(where: { names[..<$0.offset].contains($0.element) })
        {
          throw Failure(
            .invalidData, file: file, at: "line \(line)",
            "two columns are called `\(twice.element)`",
            advice: "if the first line is a row, name the columns by `column_names`")
        }
        continue
      }
      guard fields.count == names.count else {
        throw Failure(
          .invalidData, file: file, at: "line \(line)",
          "the row has \(fields.count) fields, the table \(names.count) columns"
            + " (\(names.joined(separator: ", ")))",
          advice: "check the quotation marks, or `column_names` and `dataset_format` of the task")
      }
      var object = JSONObject()
      for (name, field) in zip(names, fields) { object[name] = .string(field) }
      rows.append(TaskRows.Row(line: line, fields: object))
    }
    return rows
  }

  /// The place in a table.
  private struct Reader {
    let content: [UInt8]
    var index = 0
    var line = 1
  }

  /// The fields of the next row and the line on which it begins; nil at the end.
  private func next(_ reader: inout Reader) throws(Failure) -> (line: Int, fields: [String])? {
    guard reader.index < reader.content.count else { return nil }
    let line = reader.line
    var fields: [String] = []
    while true {
      fields.append(try field(&reader))
      guard reader.index < reader.content.count else { return (line, fields) }
      let byte = reader.content[reader.index]
      reader.index += 1
      if byte == separator { continue }
      // `field` stops before a separator or at the end of a row.
      if byte == Self.carriageReturn { reader.index += 1 }
      reader.line += 1
      return (line, fields)
    }
  }

  private func field(_ reader: inout Reader) throws(Failure) -> String {
    let content = reader.content
    guard reader.index < content.count, content[reader.index] == Self.quote else {
      let start = reader.index
      while reader.index < content.count, !isEnd(reader.index, content) { reader.index += 1 }
      return String(decoding: content[start..<reader.index], as: UTF8.self)
    }
    let line = reader.line
    var bytes: [UInt8] = []
    reader.index += 1
    while reader.index < content.count {
      let byte = content[reader.index]
      reader.index += 1
      if byte == Self.newline { reader.line += 1 }
      guard byte == Self.quote else {
        bytes.append(byte)
        continue
      }
      if reader.index < content.count, content[reader.index] == Self.quote {
        bytes.append(Self.quote)
        reader.index += 1
        continue
      }
      guard reader.index == content.count || isEnd(reader.index, content) else {
        throw Failure(
          .invalidData, file: file, at: "line \(reader.line)",
          "text follows the closing quotation mark of a field",
          advice: "write a quotation mark inside a field twice")
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    throw Failure(
      .invalidData, file: file, at: "line \(line)", "a quotation mark isn't closed")
  }

  /// Whether a field ends before the byte at `index`: a separator, or the end of a line.
  private func isEnd(_ index: Int, _ content: [UInt8]) -> Bool {
    let byte = content[index]
    if byte == separator || byte == Self.newline { return true }
    return byte == Self.carriageReturn && index + 1 < content.count
      && content[index + 1] == Self.newline
  }
}
