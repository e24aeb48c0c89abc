import BundleFormat
import Bytes
import Models
import Numerics
import Text

/// Where the stages that make a prompt find the compressed model, its tokenizer and the uncompressed model.
enum PromptSource: Sendable {
  /// What earlier stages of the same build made.
  case build
  /// A finished bundle, and the uncompressed model where a teacher is wanted.
  case bundle(String, full: ModelFile?)

  /// The compressed model with its tokenizer.
  var compressed: [StageInput] {
    switch self {
    case .build: [.output(CompressStage.model, of: CompressStage.name)] + tokenizer
    case .bundle: tokenizer
    }
  }

  /// The tokenizer alone, as far as stages can tell.
  var tokenizer: [StageInput] {
    switch self {
    case .build: [.output(ImportStage.tokenizer, of: ImportStage.name)]
    case .bundle(let path, _): [.weights("bundle", path)]
    }
  }

  var full: [StageInput] {
    switch self {
    case .build:
      [StageInput(name: "full", source: .output(stage: ImportStage.name, name: ImportStage.model))]
    case .bundle(_, let full): full?.stageInputs("full") ?? []
    }
  }

  func tokenizer(_ context: StageContext) throws -> Tokenizer {
    switch self {
    case .build: try Tokenizer(json: MappedFile(path: context.path(ImportStage.tokenizer)).bytes)
    case .bundle(let path, _): try ModelFile.bundle(ModelBundle(path: path)).tokenizer()
    }
  }

  func compressed(
    _ context: StageContext, _ arithmetic: Arithmetic = .float32
  ) throws -> LanguageModel {
    switch self {
    case .build:
      try LanguageModel(
        bundle: ModelBundle(path: context.path(CompressStage.model)), arithmetic: arithmetic)
    case .bundle(let path, _):
      try LanguageModel(bundle: ModelBundle(path: path), arithmetic: arithmetic)
    }
  }

  func full(_ context: StageContext, _ arithmetic: Arithmetic) throws -> LanguageModel {
    switch self {
    case .build:
      return try LanguageModel(
        bundle: ModelBundle(path: context.path("full")), arithmetic: arithmetic)
    case .bundle(let path, let full):
      guard let full else {
        throw Failure(.internalError, file: path, "nobody named the uncompressed model")
      }
      return try full.model(arithmetic)
    }
  }
}

extension ModelFile {
  /// What a stage reads of a model: a bundle's weights, or all files of a checkpoint.
  func stageInputs(_ name: String) -> [StageInput] {
    switch self {
    case .bundle(let bundle): [.weights(name, bundle.path)]
    case .checkpoint(let source, _):
      source.files.sorted().map { .file("\(name)/\(Recipe.lastName($0))", $0) }
    }
  }
}
