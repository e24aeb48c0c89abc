import Builds
import BundleFormat
import Bytes
import Models
import Numerics
import Text

/// The source of the compressed model, its tokenizer and the uncompressed model for the stages that
/// make a prompt.
enum PromptSource: Sendable {
  /// The outputs of earlier stages of the build.
  case build
  /// A finished bundle, and the uncompressed model if the objective needs a teacher.
  case bundle(String, full: ModelFile?)
}

/// Declared inputs that can be read from either source.
extension PromptSource {
  /// A declared tokenizer. For a bundle, the input's digest covers the weights as well.
  struct TokenizerInput {
    fileprivate let file: FileInput
    fileprivate let isBundle: Bool

    /// Loads the tokenizer.
    func read(_ context: StageContext) throws(Failure) -> Tokenizer {
      let path = context.path(file)
      return isBundle
        ? try ModelFile.bundle(ModelBundle(path: path)).tokenizer()
        : try Tokenizer(json: MappedFile(path: path).bytes)
    }
  }

  /// A declared compressed model with its tokenizer.
  struct CompressedInput {
    let tokenizer: TokenizerInput
    fileprivate let bundle: FileInput

    /// Loads the compressed model.
    func read(
      _ context: StageContext, _ arithmetic: Arithmetic = .float32
    ) throws(Failure) -> LanguageModel {
      try LanguageModel(bundle: ModelBundle(path: context.path(bundle)), arithmetic: arithmetic)
    }
  }

  /// A declared uncompressed model.
  enum FullInput {
    /// An output of the build.
    case output(FileInput)
    /// An open model, whose files are declared.
    case model(ModelFile)

    /// Loads the uncompressed model.
    func read(_ context: StageContext, _ arithmetic: Arithmetic) throws(Failure) -> LanguageModel {
      switch self {
      case .output(let file):
        try LanguageModel(bundle: ModelBundle(path: context.path(file)), arithmetic: arithmetic)
      case .model(let model): try model.model(arithmetic)
      }
    }
  }

  /// Declares the tokenizer.
  func declareTokenizer(in list: inout InputList) -> TokenizerInput {
    switch self {
    case .build: TokenizerInput(file: list.output(ImportStage.tokenizer), isBundle: false)
    case .bundle(let path, _):
      TokenizerInput(file: list.part(BundledModel(path: path), as: "bundle"), isBundle: true)
    }
  }

  /// Declares the compressed model and its tokenizer.
  func declareCompressed(in list: inout InputList) -> CompressedInput {
    let tokenizer = declareTokenizer(in: &list)
    return switch self {
    case .build:
      CompressedInput(tokenizer: tokenizer, bundle: list.output(CompressStage.model))
    case .bundle: CompressedInput(tokenizer: tokenizer, bundle: tokenizer.file)
    }
  }

  /// Declares the uncompressed model.
  ///
  /// - Returns: its input; nil if no uncompressed model was given.
  func declareFull(in list: inout InputList) -> FullInput? {
    switch self {
    case .build: return .output(list.output(ImportStage.model, as: "full"))
    case .bundle(_, let full):
      guard let full else { return nil }
      switch full {
      case .bundle(let bundle): list.part(BundledModel(path: bundle.path), as: "full")
      case .checkpoint(let source, _):
        for file in source.files.sorted() { list.file(file, as: "full/\(PathNames.last(file))") }
      }
      return .model(full)
    }
  }
}

/// The weights, the configuration and the tokenizer of a bundle as an input. Changes of its prompts
/// or evidence don't make a stage run again.
struct BundledModel: FilePart {
  let path: String

  func digest() throws(Failure) -> SHA256Digest {
    let bundle = try ModelBundle(path: path)
    let document: JSON = [
      "weights": .string(bundle.weightsDigest.hex), "configuration": try bundle.configuration,
      "tokenizer": bundle.tokenizerDigest.map { .string($0.hex) } ?? .null,
    ]
    return SHA256Digest(hashing: document.canonicalBytes)
  }
}
