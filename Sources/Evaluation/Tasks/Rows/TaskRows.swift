import Bytes

/// The rows of a data set, in the order of their file.
package struct TaskRows: Sendable {
  /// A file of rows, and how to read it.
  package struct Source: Sendable, Equatable {
    package var path = ""
    /// The format; nil to go by the name.
    package var format: Format?
    /// The columns of a table without a line of names; empty if the first line names them.
    package var columns: [String] = []
    /// A file with one label per line, which becomes the field `label` of the row; nil for none.
    package var labelsPath: String?
    package init() {}
  }

  package enum Format: String, Sendable, CaseIterable {
    /// JSON objects, one per line.
    case jsonl
    /// A JSON array of objects.
    case json
    case csv, tsv

    /// The format that a file's name says.
    package init?(named path: String) {
      let name = path.lowercased()
      let known = Self.allCases.first { name.hasSuffix("." + $0.rawValue) }
      guard let format = known ?? (name.hasSuffix(".ndjson") ? .jsonl : nil) else { return nil }
      self = format
    }
  }

  /// One row, with the line on which it begins.
  package struct Row: Sendable, Equatable {
    package let line: Int
    package var fields: JSONObject
  }

  /// The path of the rows' file.
  package let file: String
  /// SHA-256 of the rows' file.
  package let digest: SHA256Digest
  /// SHA-256 of the labels' file; nil without one.
  package let labelsDigest: SHA256Digest?
  package private(set) var rows: [Row]

  /// Reads a file of rows.
  /// - Throws: `inputMissing`; `invalidData` with the line of what isn't a row.
  package init(_ source: Source) throws(Failure) {
    file = source.path
    let bytes = try Self.bytes(of: source.path)
    digest = SHA256Digest(hashing: bytes)
    let content = bytes.withoutByteOrderMark.array
    guard String(validating: content, as: UTF8.self) != nil else {
      throw Failure(
        .invalidData, file: source.path, "isn't UTF-8 text", advice: "convert it to UTF-8")
    }
    guard let format = source.format ?? Format(named: source.path) else {
      throw Failure(
        .invalidData, file: source.path, "the name doesn't say the format of the rows",
        advice: "give `dataset_format`: jsonl, json, csv or tsv")
    }
    switch format {
    case .jsonl: rows = try JSONRows(file: file).lines(content)
    case .json: rows = try JSONRows(file: file).array(content)
    case .csv, .tsv:
      rows = try TableRows(
        file: file, separator: UInt8(ascii: format == .csv ? "," : "\t"), columns: source.columns
      ).rows(content)
    }
    guard !rows.isEmpty else { throw Failure(.invalidData, file: file, "has no rows") }
    guard let path = source.labelsPath else {
      labelsDigest = nil
      return
    }
    let labels = try Self.bytes(of: path)
    labelsDigest = SHA256Digest(hashing: labels)
    try join(labels: labels.withoutByteOrderMark.array, of: path)
  }

  private static func bytes(of path: String) throws(Failure) -> ByteSlice {
    let file = try MappedFile(path: path)
    try FileContent.expect(.text, in: file.bytes, file: path)
    return file.bytes
  }

  /// Adds each line of the labels' file to the row of the same number.
  private mutating func join(labels: [UInt8], of path: String) throws(Failure) {
    guard let text = String(validating: labels, as: UTF8.self) else {
      throw Failure(.invalidData, file: path, "isn't UTF-8 text")
    }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
      PythonText.stripped(String($0))
    }
    while lines.last == "" { lines.removeLast() }
    guard lines.count == rows.count else {
      throw Failure(
        .invalidData, file: path,
        "has \(lines.count) labels for \(rows.count) rows of \(file)",
        advice: "give the labels of these rows, one per line")
    }
    for (index, label) in lines.enumerated() {
      guard !label.isEmpty else {
        throw Failure(.invalidData, file: path, at: "line \(index + 1)", "the label is empty")
      }
      guard rows[index].fields["label"] == nil else {
        throw Failure(
          .invalidData, file: file, at: "line \(rows[index].line)",
          "the row has a field `label` already", advice: "leave `labels_path` out of the task")
      }
      rows[index].fields["label"] = Int(label).map { JSON($0) } ?? .string(label)
    }
  }
}
