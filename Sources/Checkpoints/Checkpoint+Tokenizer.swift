import Bytes

extension Checkpoint {
  /// The tokenizer at `path` and the files that hold it: a folder with tokenizer.json, with vocab.json
  /// and merges.txt, or with one GGUF file, or a GGUF file with the keys `tokenizer.ggml.*`. Text can
  /// be tokenized where weights and configuration are missing; where there is an embedding, the
  /// vocabulary must fit it.
  ///
  /// Throws `inputMissing` where the file isn't there, `invalidData` where it isn't right.
  package static func tokenizer(
    at path: String
  ) throws(Failure) -> (material: TokenizerMaterial, files: [String]) {
    var file = path
    if isFolder(path) {
      let name = path.hasSuffix("/") ? String(path.dropLast()) : path
      let folder = try FolderTokenizer(folder: name)
      if case .none = folder.material, let only = try GGUFParts.only(in: name) {
        file = only
      } else {
        return (folder.material, folder.files)
      }
    }
    let mapped = try MappedFile(path: file)
    try FileContent.expect(.gguf, in: mapped.bytes, file: file)
    // The first part of a split model has the vocabulary; the others aren't needed.
    let first = try GGUFParts(of: GGUFFile(mapping: mapped)).first()
    let vocabulary = try GGUFVocabulary(
      first.metadata, vocabularySize: first.tensors["token_embd.weight"]?.shape.first)
    return (vocabulary.map { .gguf($0) } ?? .none, [first.path])
  }
}
