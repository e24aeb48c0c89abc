import BundleFormat
import Bytes
import Checkpoints
import Compression
import Numerics
import Prompts

/// What a build is made of and what is done to it: a recipe file, read, checked and completed with
/// defaults.
package struct Recipe: Sendable, Equatable {
  /// The recipe file as it was named.
  package var path: String
  /// Names the artifact; the recipe file's base name by default.
  package var name: String
  /// A checkpoint: a Hugging Face folder or a GGUF file.
  package var model: String
  /// A `config.json` of the model, by which a build can be planned without the checkpoint; nil where
  /// the recipe names none.
  package var shape: String?
  /// Files that aren't there, a sentence each; only a recipe read for planning has any.
  package var missing: [String]
  /// What people call the model.
  package var modelName: String
  package var calibration: CalibrationRecipe
  package var compression: CompressionRecipe
  /// nil where the artifact is to have no prompt.
  package var prompt: PromptRecipe?
  package var evaluations: [EvaluationRecipe]
  package var gate: GateRecipe
  package var packaging: PackagingRecipe
  /// Where the artifact goes; nil for `<name>.ctpack` in the current folder.
  package var output: String?
  /// Bytes that a build may have in memory: activations beyond it go to files or are computed again.
  /// Half of the machine's by default; never changes a number.
  package var memory: Int
  /// The line of each field that the file has, by section and name: "compression.bits".
  package var lines: [String: Int]
}

/// Text that the compression looks at.
package struct CalibrationRecipe: Sendable, Equatable {
  package enum Selection: String, Sendable, CaseIterable {
    /// Windows at random places, as GPTQ's authors do.
    case random
    /// Windows one after the other from the start.
    case consecutive
  }

  package var text: String
  package var windows: Int
  /// Tokens per window.
  package var length: Int
  package var selection: Selection
  package var seed: Int
}

/// How the model's matrices are compressed.
package struct CompressionRecipe: Sendable, Equatable {
  package var settings: CompressionSettings
  /// Of the products that carry the calibration text through the blocks.
  package var arithmetic: Arithmetic
  /// Bits per weight of the compressed layers, everything included, within which bits and sparsity are
  /// chosen per layer; nil where all layers get the same.
  package var targetBits: Double?
  /// Kinds of numerical events that end the build.
  package var failOn: [String]
}

/// How the adapter is learned.
package struct PromptRecipe: Sendable, Equatable {
  /// A prompt in a bundle.
  package struct PromptPlace: Sendable, Equatable {
    package var bundle: String
    /// nil where the bundle has only one.
    package var prompt: String?
  }

  package struct Validation: Sendable, Equatable {
    package var text: String
    package var windows: Int
    /// Steps between two validations.
    package var every: Int
  }

  package var name: String
  package var kind: AdapterKind
  /// The text that a hard prompt is.
  package var hardText: String?
  /// Of a soft prompt or a prefix.
  package var tokens: Int
  /// Of low-rank parts.
  package var rank: Int
  package var alpha: Double
  /// The layers that get low-rank parts; empty for all that the model has.
  package var targets: [LinearName]
  /// Text to learn from.
  package var text: String
  /// What the prompt's rows are at first: the embeddings of running text, of random words, of the
  /// vocabulary's first, or of a given text.
  package var start: PromptSettings.Initialisation
  /// The text whose tokens the prompt starts from.
  package var startText: String?
  /// A bundle and the name of its prompt to start from.
  package var startFrom: PromptPlace?
  /// A token, as text, that stands in front of the prompt and is never changed.
  package var sink: String?
  /// Share of the divergence from the uncompressed model in the loss; the rest is cross-entropy.
  package var teacherShare: Double
  /// Tokens per position that are kept of the uncompressed model's distribution, asked before
  /// learning begins; 0 to ask for all of it at each step.
  package var teacherTop: Int
  package var optimiser: Optimiser.Kind
  /// Batches per update.
  package var accumulation: Int
  package var steps: Int
  /// Of the products with the weights, forwards and backwards.
  package var arithmetic: Arithmetic
  /// Sequences per step.
  package var batch: Int
  /// Tokens per sequence.
  package var length: Int
  package var learningRate: Double
  package var warmup: Int
  package var schedule: PromptSettings.Schedule
  package var weightDecay: Double
  /// The gradient's norm is cut to this.
  package var clipNorm: Double
  package var seed: Int
  /// Whether the artifact holds the prompt's keys and values in every block, so that using the
  /// prompt costs no time before the first token.
  package var keyValues: Bool
  /// Validations without a better one after which learning ends; 0 for never.
  package var patience: Int
  package var validation: Validation
}

/// One text on which the four numbers are taken.
package struct EvaluationRecipe: Sendable, Equatable {
  package var name: String
  package var text: String
  package var protocolID: String
  /// Tokens per window; the protocol's own where nil.
  package var length: Int?
  /// At most so many windows; all where nil.
  package var windows: Int?
  /// Of the products with the weights.
  package var arithmetic: Arithmetic
}

/// How the artifact is stored.
package struct PackagingRecipe: Sendable, Equatable {
  /// Whether tensors are mapped as they are, or entropy coded.
  package var storage: TensorStorage
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
  package var all: Limits
  package var named: [String: Limits]

  /// The limits of one evaluation: its own where it sets them, otherwise those for all.
  package func limits(for evaluation: String) -> Limits {
    guard let own = named[evaluation] else { return all }
    return Limits(
      maxPerplexity: own.maxPerplexity ?? all.maxPerplexity,
      maxRatioToFull: own.maxRatioToFull ?? all.maxRatioToFull,
      minGapClosed: own.minGapClosed ?? all.minGapClosed)
  }
}
