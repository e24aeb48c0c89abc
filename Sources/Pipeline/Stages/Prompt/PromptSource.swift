import Builds
import BundleFormat
import Bytes
import Models
import Numerics
import Text

/// The place where the stages that make a prompt find the compressed model, its tokenizer and the
/// uncompressed model.
enum PromptSource: Sendable {
  /// Files that earlier stages of the same build made.
  case build
  /// A finished bundle, and the uncompressed model where a teacher is wanted.
  case bundle(String, full: ModelFile?)
}

/// Declared inputs, each with the way to read it: a file of the build, or a bundle that is already
/// there.
extension PromptSource {
  /// The tokenizer. Learning on a bundle depends on its weights through this input too.
  struct TokenizerInput {
    fileprivate let file: FileInput
    fileprivate let isBundle: Bool

    func read(_ context: StageContext) throws(Failure) -> Tokenizer {
      let path = context.path(file)
      return isBundle
        ? try ModelFile.bundle(ModelBundle(path: path)).tokenizer()
        : try Tokenizer(json: MappedFile(path: path).bytes)
    }
  }

  /// The compressed model with its tokenizer.
  struct CompressedInput {
    let tokenizer: TokenizerInput
    fileprivate let bundle: FileInput

    func read(
      _ context: StageContext, _ arithmetic: Arithmetic = .float32
    ) throws(Failure) -> LanguageModel {
      try LanguageModel(bundle: ModelBundle(path: context.path(bundle)), arithmetic: arithmetic)
    }
  }

  /// The uncompressed model.
  enum FullInput {
    case output(FileInput)
    /// A model that is open already; the files that it is made of are declared.
    case model(ModelFile)

    func read(_ context: StageContext, _ arithmetic: Arithmetic) throws(Failure) -> LanguageModel {
      switch self {
      case .output(let file):
        try LanguageModel(bundle: ModelBundle(path: context.path(file)), arithmetic: arithmetic)
      case .model(let model): try model.model(arithmetic)
      }
    }
  }

  func declareTokenizer(in list: inout InputList) -> TokenizerInput {
    switch self {
    case .build: TokenizerInput(file: list.output(ImportStage.tokenizer), isBundle: false)
    case .bundle(let path, _):
      TokenizerInput(file: list.part(BundledModel(path: path), as: "bundle"), isBundle: true)
    }
  }

  func declareCompressed(in list: inout InputList) -> CompressedInput {
    let tokenizer = declareTokenizer(in: &list)
    return switch self {
    case .build:
      CompressedInput(tokenizer: tokenizer, bundle: list.output(CompressStage.model))
    case .bundle: CompressedInput(tokenizer: tokenizer, bundle: tokenizer.file)
    }
  }

  /// - Returns: nil where no uncompressed model was given.
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

/// The weights, the configuration and the tokenizer of a bundle: its prompts and its evidence may
/// change while a stage depends on it.
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
