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
  /// `added_tokens.json`; nil if absent.
  package let addedTokens: ByteSlice?
  /// `model_type` of `config.json`, which decides the tokenizer's class if the settings don't; nil
  /// if absent.
  package let modelType: String?

  package init(
    vocabulary: ByteSlice, merges: ByteSlice, settings: ByteSlice? = nil,
    specialTokens: ByteSlice? = nil, addedTokens: ByteSlice? = nil, modelType: String? = nil
  ) {
    self.vocabulary = vocabulary.withoutByteOrderMark
    self.merges = merges.withoutByteOrderMark
    self.settings = settings
    self.specialTokens = specialTokens
    self.addedTokens = addedTokens
    self.modelType = modelType
  }

  static let names = ["vocab.json", "merges.txt"] + TokenizerSettings.names

  /// Maps the files in `folder` and appends their paths to `files`; nil if `vocab.json` or
  /// `merges.txt` is absent.
  init?(folder: String, files: inout [String]) throws(Failure) {
    let paths = Self.names.map { "\(folder)/\($0)" }
    guard Checkpoint.exists(paths[0]), Checkpoint.exists(paths[1]) else { return nil }
    var bytes: [ByteSlice?] = []
    for path in paths {
      let exists = Checkpoint.exists(path)
      let content = exists ? try MappedFile(path: path).bytes : nil
      if let content {
        try FileContent.expect(path.hasSuffix(".txt") ? .text : .json, in: content, file: path)
        files.append(path)
      }
      bytes.append(content)
    }
    guard let vocabulary = bytes[0], let merges = bytes[1] else { return nil }
    self.init(
      vocabulary: vocabulary, merges: merges, settings: bytes[2], specialTokens: bytes[3],
      addedTokens: bytes[4],
      modelType: try Self.modelType(in: folder))
  }

  /// The `model_type` of the folder's config.json; nil without the file or the key. A file that can't
  /// be parsed counts as none, because folders with a tokenizer alone may hold one of another kind.
  private static func modelType(in folder: String) throws(Failure) -> String? {
    guard let file = try MappedFile.ifPresent("\(folder)/config.json") else { return nil }
    return (try? JSON(parsing: file.bytes, file: file.path))?["model_type"]?.string
  }
}
