import Bytes

/// The tokenizer of a folder as transformers saves it: tokenizer.json, or vocab.json with merges.txt.
/// Neither config.json nor weights need be there.
struct FolderTokenizer {
  let material: TokenizerMaterial
  /// The files that were read; empty where the folder has no tokenizer.
  let files: [String]

  /// Reads the files of `folder`, a path without a slash at its end. Throws where one can't be read.
  init(folder: String) throws(Failure) {
    let path = "\(folder)/tokenizer.json"
    if Checkpoint.exists(path) {
      material = .huggingFace(tokenizerJSON: try MappedFile(path: path).bytes)
      files = [path]
      return
    }
    var files: [String] = []
    material = try BytePairFiles(folder: folder, files: &files).map { .bytePair($0) } ?? .none
    self.files = files
  }
}
