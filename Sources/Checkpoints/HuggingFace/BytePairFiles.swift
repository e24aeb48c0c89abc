import Bytes

/// A byte-level tokenizer in its older form: the files that `GPT2Tokenizer` saves, before there was
/// a tokenizer.json.
package struct BytePairFiles: Sendable {
  /// `vocab.json`: ids by token.
  package let vocabulary: ByteSlice
  /// `merges.txt`: a pair of tokens per line, the first the strongest.
  package let merges: ByteSlice
  /// `tokenizer_config.json`, where there is one.
  package let settings: ByteSlice?
  /// `special_tokens_map.json`, where there is one.
  package let specialTokens: ByteSlice?

  package init(
    vocabulary: ByteSlice, merges: ByteSlice, settings: ByteSlice? = nil,
    specialTokens: ByteSlice? = nil
  ) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.settings = settings
    self.specialTokens = specialTokens
  }

  static let names = [
    "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
  ]

  /// nil where the folder lacks one of the first two.
  init?(folder: String, files: inout [String]) throws(Failure) {
    let paths = Self.names.map { "\(folder)/\($0)" }
    guard Checkpoint.exists(paths[0]), Checkpoint.exists(paths[1]) else { return nil }
    var bytes: [ByteSlice?] = []
    for path in paths {
      let isThere = Checkpoint.exists(path)
      bytes.append(isThere ? try MappedFile(path: path).bytes : nil)
      if isThere { files.append(path) }
    }
    guard let vocabulary = bytes[0], let merges = bytes[1] else { return nil }
    self.init(
      vocabulary: vocabulary, merges: merges, settings: bytes[2], specialTokens: bytes[3])
  }
}
