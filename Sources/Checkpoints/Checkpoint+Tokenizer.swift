import Bytes

extension Checkpoint {
  /// The tokenizer at `path` and the files that hold it: a folder with tokenizer.json or vocab.json and
  /// merges.txt, or a GGUF file with the keys `tokenizer.ggml.*`. Text can be tokenized where weights
  /// and configuration are missing; where there is an embedding, the vocabulary must fit it.
  ///
  /// Throws `inputMissing` where the file isn't there, `invalidData` where it isn't right.
  package static func tokenizer(
    at path: String
  ) throws(Failure) -> (material: TokenizerMaterial, files: [String]) {
    // "folder/." exists for folders alone.
    if exists(path + "/.") {
      let folder = try FolderTokenizer(folder: path.hasSuffix("/") ? String(path.dropLast()) : path)
      return (folder.material, folder.files)
    }
    let file = try GGUFFile(mapping: MappedFile(path: path))
    let vocabulary = try GGUFVocabulary(
      file.metadata, vocabularySize: file.tensors["token_embd.weight"]?.shape.first)
    return (vocabulary.map { .gguf($0) } ?? .none, [path])
  }
}
