import Bytes

/// A reader of rows in JSON: one object per line, or an array of objects.
struct JSONRows {
  let file: String

  /// The rows of JSON lines; blank lines are skipped.
  func lines(_ content: [UInt8]) throws(Failure) -> [TaskRows.Row] {
    var rows: [TaskRows.Row] = []
    var line = 0
    var start = 0
    while start < content.count {
      line += 1
      let end = content[start...].firstIndex(of: UInt8(ascii: "\n")) ?? content.count
      let bytes = Array(content[start..<end])
      start = end + 1
      if bytes.allSatisfy(Self.isSpace) { continue }
      if rows.isEmpty, bytes.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "[") {
        throw Failure(
          .invalidData, file: file, at: "line \(line)", "begins a JSON array, not a row",
          advice: "give `dataset_format: json`, or one object per line")
      }
      rows.append(TaskRows.Row(line: line, fields: try object(bytes, line)))
    }
    return rows
  }

  /// The rows of one JSON array.
  func array(_ content: [UInt8]) throws(Failure) -> [TaskRows.Row] {
    let value: JSON
    do {
      value = try JSON(parsing: content, file: file)
    } catch {
      guard content.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") else { throw error }
      throw Failure(
        .invalidData, file: file, "is no JSON array: \(error.finding)",
        advice: "one object per line is `dataset_format: jsonl`")
    }
    guard let elements = value.array else {
      throw Failure(
        .invalidData, file: file, "expected an array of rows, found \(value.kindName)",
        advice: "one object per line is `dataset_format: jsonl`")
    }
    var rows: [TaskRows.Row] = []
    for (element, line) in zip(elements, Self.lines(ofElements: content)) {
      guard let object = element.object else {
        throw Failure(
          .invalidData, file: file, at: "line \(line)",
          "expected a row, an object, found \(element.kindName)")
      }
      rows.append(TaskRows.Row(line: line, fields: object))
    }
    return rows
  }

  private func object(_ bytes: [UInt8], _ line: Int) throws(Failure) -> JSONObject {
    let value: JSON
    do {
      value = try JSON(parsing: bytes)
    } catch {
      let column = error.place.map { " (\($0) of the line)" } ?? ""
      throw Failure(.invalidData, file: file, at: "line \(line)", error.finding + column)
    }
    guard let object = value.object else {
      throw Failure(
        .invalidData, file: file, at: "line \(line)",
        "expected a row, an object, found \(value.kindName)")
    }
    return object
  }

  /// The line on which each element of a valid JSON array begins.
  static func lines(ofElements content: [UInt8]) -> [Int] {
    var lines: [Int] = []
    var (line, depth) = (1, 0)
    var (inText, escaped, isAwaited) = (false, false, false)
    for byte in content {
      if byte == UInt8(ascii: "\n") { line += 1 }
      if inText {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inText = false
        }
        continue
      }
      if isSpace(byte) { continue }
      let isClosing = byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
      if isAwaited, !isClosing {
        lines.append(line)
        isAwaited = false
      }
      switch byte {
      case UInt8(ascii: "\""): inText = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth == 1 { isAwaited = true }
      case _ where isClosing: depth -= 1
      case UInt8(ascii: ","): if depth == 1 { isAwaited = true }
      default: break
      }
    }
    return lines
  }

  private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
