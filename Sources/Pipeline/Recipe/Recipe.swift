import BundleFormat
import Bytes
import Compression
import Numerics

/// A recipe file, read, checked and completed with defaults: what a build is made of and what is done
/// to it. The tables of its fields (`Recipe.fields` and those of its sections) are all that knows their
/// names, ranges and defaults.
package struct Recipe: Sendable, Equatable {
  /// The recipe file as it was named.
  package var path: String
  /// The artifact's name.
  package var name = ""
  /// The default of all other seeds.
  package var seed = 0
  /// The path of a checkpoint: a Hugging Face folder or a GGUF file.
  package var model = ""
  /// A `config.json` of the model, by which a build can be planned without the checkpoint; nil where
  /// the recipe names none.
  package var shape: String?
  /// Files that aren't there, a sentence each; only a recipe read for planning has any.
  package var missing: [String] = []
  /// What people call the model.
  package var modelName = ""
  package var calibration = CalibrationRecipe()
  package var compression = CompressionRecipe()
  /// nil where the artifact is to have no prompt.
  package var prompt: PromptRecipe?
  package var evaluations: [EvaluationRecipe] = []
  package var gate = GateRecipe()
  package var packaging = PackagingRecipe()
  /// The path of the artifact; nil for `<name>.ctpack` in the current folder.
  package var output: String?
  /// Bytes that a build may have in memory: activations beyond it go to files or are computed again.
  /// Half of the machine's by default; never changes a number.
  package var memory = ProcessUsage.availableMemory / 2
  /// The line of each field that the file has, by section and name: "compression.bits".
  package var lines: [String: Int] = [:]

  /// The recipe of an empty file, which has no model yet.
  init(emptyFile path: String) { self.path = path }
}

/// Text that the compression looks at.
package struct CalibrationRecipe: Sendable, Equatable {
  package enum Selection: String, Sendable, CaseIterable {
    /// Windows at random places, as GPTQ's authors do.
    case random
    /// Windows one after the other from the start.
    case consecutive
  }

  package var text = ""
  package var windows = 128
  /// Tokens per window.
  package var length = 512
  package var selection = Selection.random
  package var seed = 0
}

/// How the model's matrices are compressed.
package struct CompressionRecipe: Sendable, Equatable {
  package var settings = CompressionSettings()
  /// The numbers of the products that carry the calibration text through the blocks.
  package var arithmetic = Arithmetic.bfloat16
  /// Bits per weight of the compressed layers, everything included, within which bits and sparsity are
  /// chosen per layer; nil where all layers get the same.
  package var targetBits: Double?
  /// Kinds of numerical events that end the build.
  package var failOn: [String] = []
}

/// One text on which the four numbers are taken.
package struct EvaluationRecipe: Sendable, Equatable {
  package var name = ""
  package var text = ""
  package var protocolID = "ctp-1024"
  /// Tokens per window; the protocol's own where nil.
  package var length: Int?
  /// At most so many windows; all where nil.
  package var windows: Int?
  /// The numbers of the products with the weights.
  package var arithmetic = Arithmetic.float32
}

/// How the artifact is stored.
package struct PackagingRecipe: Sendable, Equatable {
  /// Whether tensors are mapped as they are, or entropy coded.
  package var storage = TensorStorage.mapped
}

/// What the numbers must reach before anything is packaged.
package struct GateRecipe: Sendable, Equatable {
  package struct Limits: Sendable, Equatable {
    /// Perplexity of the artifact: compressed, with its prompt if it has one.
    package var maxPerplexity: Double?
    /// That perplexity over the full model's.
    package var maxRatioToFull: Double?
    /// The share of the gap between full and compressed that the prompt closes: (c − p) / (c − f).
    package var minGapClosed: Double?

    package static let none = Limits()
    package init(
      maxPerplexity: Double? = nil, maxRatioToFull: Double? = nil, minGapClosed: Double? = nil
    ) {
      self.maxPerplexity = maxPerplexity
      self.maxRatioToFull = maxRatioToFull
      self.minGapClosed = minGapClosed
    }
    package var isEmpty: Bool { self == .none }
  }

  /// For every evaluation that has no limits of its own.
  package var all = Limits.none
  package var named: [String: Limits] = [:]

  /// The limits of one evaluation: its own where it sets them, otherwise those for all.
  package func limits(for evaluation: String) -> Limits {
    guard let own = named[evaluation] else { return all }
    return Limits(
      maxPerplexity: own.maxPerplexity ?? all.maxPerplexity,
      maxRatioToFull: own.maxRatioToFull ?? all.maxRatioToFull,
      minGapClosed: own.minGapClosed ?? all.minGapClosed)
  }
}
