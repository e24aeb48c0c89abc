/// A PEM text (RFC 7468): the label and the bytes of the one object that it holds.
struct PEMText {
  // PEMDocument names no line, and refuses curve names before keys and lines of other lengths.

  /// The words after BEGIN: "PRIVATE KEY".
  let label: String
  /// The decoded object.
  let bytes: [UInt8]

  /// The largest text in bytes; a key takes a few hundred, and RSA's largest about 13,000.
  static let sizeLimit = 64 << 10
  /// The label of the curve's name, which OpenSSL writes before a key.
  private static let parameters = "EC PARAMETERS"

  /// Reads the file at `path`.
  /// - Throws: `inputMissing`; `invalidData` where it isn't PEM, or holds more than one object.
  init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= Self.sizeLimit else {
      throw Failure(
        .invalidData, file: path, "is \(file.bytes.count) bytes long, too large for a key")
    }
    try self.init(parsing: file.bytes.array, file: path)
  }

  /// Parses `text`; `file` is named in errors.
  init(parsing text: [UInt8], file: String) throws(Failure) {
    func invalid(_ line: Int?, _ finding: String, _ advice: String? = nil) -> Failure {
      Failure(
        .invalidData, file: file, at: line.map { "line \($0 + 1)" }, finding, advice: advice)
    }
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { Self.trimmed($0) }
    var found: (label: String, bytes: [UInt8])?
    var begun: (label: String, line: Int, body: [UInt8])?
    for (number, line) in lines.enumerated() {
      if let label = Self.label(line, "-----BEGIN ") {
        guard begun == nil else { throw invalid(number, "a key begins before the last one ended") }
        begun = (label, number, [])
      } else if let label = Self.label(line, "-----END ") {
        guard let object = begun, object.label == label else {
          throw invalid(number, "the end of \"\(label)\" without its beginning")
        }
        begun = nil
        if label == Self.parameters { continue }
        guard found == nil else {
          throw invalid(number, "more than one key", "leave one of them in the file")
        }
        guard let bytes = Base64.decode(object.body) else {
          throw invalid(object.line, "the text of \"\(label)\" isn't base64")
        }
        found = (label, bytes)
      } else if begun != nil {
        if line.starts(with: Array("Proc-Type:".utf8)), line.contains(UInt8(ascii: "E")) {
          throw Failure.encryptedKey(file)
        }
        begun?.body += line
      }
    }
    if let begun { throw invalid(begun.line, "\"\(begun.label)\" has no end") }
    guard let found else {
      throw invalid(
        nil, "is no PEM: it has no line \"-----BEGIN …-----\"", "name a key in PEM form")
    }
    (label, bytes) = found
  }

  private static func label(_ line: [UInt8], _ start: String) -> String? {
    let end = Array("-----".utf8)
    guard line.starts(with: Array(start.utf8)), line.count > start.utf8.count + end.count,
      Array(line.suffix(end.count)) == end
    else { return nil }
    return String(
      decoding: line.dropFirst(start.utf8.count).dropLast(end.count), as: UTF8.self
    ).unicodeScalars.filter { (0x20..<0x7F).contains($0.value) }.reduce(into: "") {
      $0.unicodeScalars.append($1)
    }
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> [UInt8] {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var line = line.drop(while: isSpace)
    while let last = line.last, isSpace(last) { line.removeLast() }
    return Array(line)
  }

  /// The PEM text of `bytes` under `label`, in lines of 64 characters.
  static func text(_ label: String, _ bytes: [UInt8]) -> String {
    let body = Array(Base64.encode(bytes).utf8)
    let lines = stride(from: 0, to: body.count, by: 64).map {
      String(decoding: body[$0..<min($0 + 64, body.count)], as: UTF8.self)
    }
    return (["-----BEGIN \(label)-----"] + lines + ["-----END \(label)-----", ""])
      .joined(separator: "\n")
  }
}

extension Failure {
  /// The refusal of a key that needs a password.
  static func encryptedKey(_ file: String) -> Failure {
    Failure(
      .usage, file: file, "is an encrypted private key, and no password is asked for",
      advice: "decrypt it into a pipe or a private file: `openssl pkey -in FILE -out PLAIN`")
  }
}
