import BundleFormat
import Bytes
import Checkpoints
import FoundationEssentials
import Models
import Numerics
import Text

/// A model in any supported format: a bundle, a Hugging Face folder or a GGUF file.
package enum ModelFile: Sendable {
  case bundle(ModelBundle)
  case checkpoint(any TensorSource, path: String)

  /// Opens a model, detecting the format from the content, not the name.
  ///
  /// - Throws: `inputMissing`; `invalidData` if the content isn't valid.
  package init(path: String) throws(Failure) {
    self =
      try Self.isCheckpoint(path)
      ? .checkpoint(try Checkpoint.open(path), path: path) : .bundle(try ModelBundle(path: path))
  }

  /// Whether `path` is a folder, a GGUF file or a file of another known kind, which `Checkpoint`
  /// names in its refusal; a file that isn't recognised is read as a bundle, perhaps a damaged one.
  private static func isCheckpoint(_ path: String) throws(Failure) -> Bool {
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(.inputMissing, file: path, "there is no such file or folder")
    }
    // "path/." exists only if the path is a folder.
    if FileManager.default.fileExists(atPath: path + "/.") { return true }
    let content = FileContent(of: try MappedFile(path: path).bytes)
    return content != .bundle && content != .other
  }

  package var path: String {
    switch self {
    case .bundle(let bundle): bundle.path
    case .checkpoint(_, let path): path
    }
  }

  /// Notes for the user on how a checkpoint was read, one sentence each.
  package var notes: [String] {
    switch self {
    case .bundle: []
    case .checkpoint(let source, _): source.notes
    }
  }

  /// Reads the model's configuration.
  package func configuration() throws(Failure) -> ModelConfiguration {
    switch self {
    case .bundle(let bundle):
      try ModelConfiguration(canonical: bundle.configuration, file: bundle.path)
    case .checkpoint(let source, _): source.configuration
    }
  }

  /// Loads the model.
  ///
  /// - Parameter arithmetic: the precision of matrix products; float32 if the processor doesn't
  ///   support it.
  package func model(_ arithmetic: Arithmetic = .float32) throws(Failure) -> LanguageModel {
    switch self {
    case .bundle(let bundle): try LanguageModel(bundle: bundle, arithmetic: arithmetic)
    case .checkpoint(let source, _): try LanguageModel(source: source, arithmetic: arithmetic)
    }
  }

  /// Attaches `prompt` to the model.
  ///
  /// - Parameter exact: whether to ignore stored keys and values, which are rounded to float16.
  /// - Returns: the model with the prompt, and the rows with which each text starts: in a bundle,
  ///   the prompt's stored keys and values if there are any.
  package func start(
    with prompt: StoredAdapter?, of model: LanguageModel, exact: Bool
  ) throws(Failure) -> (model: LanguageModel, start: PromptStart) {
    guard let prompt else { return (model, .none) }
    if case .bundle(let bundle) = self {
      return try bundle.start(with: prompt, of: model, exact: exact)
    }
    return try Adapter(prompt, for: model.configuration).attached(to: model)
  }

  /// Loads the model's tokenizer.
  package func tokenizer() throws(Failure) -> Tokenizer {
    switch self {
    case .bundle(let bundle): try Tokenizer(json: bundle.tokenizer, file: bundle.path)
    case .checkpoint(let source, let path): try Self.tokenizer(of: source, path: path)
    }
  }

  /// The tokenizer at `path`: of a bundle, a folder or a GGUF file. A folder needs no config.json, and
  /// neither it nor a GGUF file needs weights.
  package static func tokenizer(at path: String) throws(Failure) -> Tokenizer {
    guard try isCheckpoint(path) else {
      return try Self.bundle(ModelBundle(path: path)).tokenizer()
    }
    let (material, files) = try Checkpoint.tokenizer(at: path)
    return try tokenizer(material, files, path: path)
  }

  /// Loads a checkpoint's tokenizer.
  ///
  /// - Throws: `inputMissing` if the checkpoint has none.
  static func tokenizer(of source: any TensorSource, path: String) throws(Failure) -> Tokenizer {
    try tokenizer(source.tokenizer, source.files, path: path)
  }

  private static func tokenizer(
    _ material: TokenizerMaterial, _ files: [String], path: String
  ) throws(Failure) -> Tokenizer {
    switch material {
    case .huggingFace(let json):
      let file = files.first { $0.hasSuffix("tokenizer.json") }
      return try Tokenizer(json: json, file: file ?? path)
    case .bytePair(let files):
      let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
      return try Tokenizer(bytePair: files, folder: folder)
    case .gguf(let vocabulary):
      return try Tokenizer(gguf: vocabulary, file: files.first ?? path)
    case .none:
      throw Failure(
        .inputMissing, file: path, "the model has no tokenizer",
        advice: "put its tokenizer.json next to the weights, or its vocab.json and merges.txt")
    }
  }
}
