import Bytes

/// A text to calibrate, learn or measure on, with the digest of the file it came from.
package struct Corpus: Sendable {
  /// The whole text, valid UTF-8.
  package let text: String
  /// The file's documents or rows as they were before joining; one for plain text.
  package let documents: Int
  /// SHA-256 of the file's bytes.
  package let digest: SHA256Digest

  /// Reads `path`: a `.jsonl` file by its "text" fields, anything else as it is.
  ///
  /// - Parameter form: how the text is made of the file's rows; nil takes `.plain`, or for `.jsonl`
  ///   `.documents(limit: nil, joiner: " ")`.
  /// - Throws: `inputMissing`; `invalidData` naming the byte offset where the file isn't UTF-8, the
  ///   line where a row isn't `{"text": "…"}`, or saying that there is no text.
  package static func load(path: String, form: CorpusForm? = nil) throws(Failure) -> Corpus {
    let file = try MappedFile(path: path)
    let form = form ?? (path.hasSuffix(".jsonl") ? .documents(limit: nil, joiner: " ") : .plain)
    return try Corpus(parsing: file.bytes, form: form, file: path)
  }

  /// The same for bytes that are in memory; `file` is only for messages.
  package init(parsing bytes: ByteSlice, form: CorpusForm, file: String? = nil) throws(Failure) {
    guard bytes.count > 0 else { throw Failure(.invalidData, file: file, "the file is empty") }
    let content = bytes.array
    if let offset = UTF8Text.firstInvalid(content) {
      throw Failure(
        .invalidData, file: file, at: "byte \(offset)",
        "the text isn't valid UTF-8 from here on (byte 0x\(Hexadecimal.encode([content[offset]])))",
        advice: "convert it to UTF-8")
    }
    digest = SHA256Digest(hashing: bytes)
    let joined: [UInt8]
    (joined, documents) = try form.joined(content, file: file)
    guard !joined.isEmpty else { throw Failure(.invalidData, file: file, "the file holds no text") }
    text = String(decoding: joined, as: UTF8.self)
  }
}
