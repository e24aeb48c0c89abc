import Bytes

/// The files of a byte-level tokenizer in the form used before tokenizer.json, as saved by
/// transformers' `GPT2Tokenizer`.
package struct BytePairFiles: Sendable {
  /// `vocab.json`: ids by token.
  package let vocabulary: ByteSlice
  /// `merges.txt`: one pair of tokens per line, in order of rank.
  package let merges: ByteSlice
  /// `tokenizer_config.json`; nil if absent.
  package let settings: ByteSlice?
  /// `special_tokens_map.json`; nil if absent.
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

  /// Maps the files in `folder` and appends their paths to `files`; nil if `vocab.json` or
  /// `merges.txt` is absent.
  init?(folder: String, files: inout [String]) throws(Failure) {
    let paths = Self.names.map { "\(folder)/\($0)" }
    guard Checkpoint.exists(paths[0]), Checkpoint.exists(paths[1]) else { return nil }
    var bytes: [ByteSlice?] = []
    for path in paths {
      let exists = Checkpoint.exists(path)
      bytes.append(exists ? try MappedFile(path: path).bytes : nil)
      if exists { files.append(path) }
    }
    guard let vocabulary = bytes[0], let merges = bytes[1] else { return nil }
    self.init(
      vocabulary: vocabulary, merges: merges, settings: bytes[2], specialTokens: bytes[3])
  }
}
