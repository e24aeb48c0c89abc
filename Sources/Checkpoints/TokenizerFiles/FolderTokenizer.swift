import Bytes

/// The tokenizer of a folder as transformers saves it: tokenizer.json, or vocab.json with
/// merges.txt, and the settings beside them. Neither config.json nor weights need be there.
struct FolderTokenizer {
  let material: TokenizerMaterial
  /// The files that decide the tokenizer; empty where the folder has none. Settings that change
  /// nothing aren't among them.
  let files: [String]

  /// Reads the files of `folder`, a path without a slash at its end.
  ///
  /// - Throws: `inputMissing` or `io` where one can't be read, `invalidData` where one is of the
  ///   wrong kind or settings contradict the tokenizer.
  init(folder: String) throws(Failure) {
    let path = "\(folder)/tokenizer.json"
    guard Checkpoint.exists(path) else {
      var files: [String] = []
      material = try BytePairFiles(folder: folder, files: &files).map { .bytePair($0) } ?? .none
      self.files = files
      return
    }
    let content = try MappedFile(path: path).bytes
    try FileContent.expect(.json, in: content, file: path)
    let bytes = content.withoutByteOrderMark
    var used: [String] = []
    let settings = try TokenizerSettings(folder: folder, files: &used)
    let changed = try settings.changed(bytes, path: path)
    material = .huggingFace(tokenizerJSON: changed ?? bytes)
    files = [path] + (changed == nil ? [] : used)
  }
}
