import Bytes

/// A text for calibration, learning or evaluation, with the digest of its file.
package struct Corpus: Sendable {
  /// The whole text, valid UTF-8.
  package let text: String
  /// Number of documents or rows in the file that were joined; 1 for plain text.
  package let documents: Int
  /// SHA-256 of the file's bytes.
  package let digest: SHA256Digest

  /// Reads the file at `path`.
  ///
  /// - Parameter form: The rule that makes one text of the file; nil means the one that
  ///   `CorpusForm(of:named:)` finds.
  /// - Throws: `inputMissing` if the file doesn't exist; `invalidData` naming the kind of a file that
  ///   isn't text, the byte offset of invalid UTF-8 or the line of a row that isn't
  ///   `{"text": "…"}`, or if there is no text.
  package static func load(path: String, form: CorpusForm? = nil) throws(Failure) -> Corpus {
    let file = try MappedFile(path: path)
    try FileContent.expect(.text, in: file.bytes, file: path)
    let form = form ?? CorpusForm(of: file.bytes, named: path)
    return try Corpus(parsing: file.bytes, form: form, file: path)
  }

  /// Parses the contents of a corpus file; `file` is only for messages.
  package init(parsing bytes: ByteSlice, form: CorpusForm, file: String? = nil) throws(Failure) {
    guard bytes.count > 0 else { throw Failure(.invalidData, file: file, "the file is empty") }
    let content = bytes.withoutByteOrderMark.array
    if let offset = UTF8Text.firstInvalid(content) {
      throw Failure(
        .invalidData, file: file, at: "byte \(offset)",
        "the text isn't valid UTF-8 from here on (byte 0x\(Hexadecimal.encode([content[offset]])))",
        advice: "convert it to UTF-8")
    }
    digest = SHA256Digest(hashing: bytes)
    let joined: [UInt8]
    (joined, documents) = try form.joined(content, file: file)
    guard !joined.isEmpty else {
      throw Failure(.invalidData, file: file, "the file contains no text")
    }
    text = String(decoding: joined, as: UTF8.self)
  }
}
