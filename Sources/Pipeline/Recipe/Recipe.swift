import BundleFormat
import Bytes
import Compression
import Numerics

/// A recipe, read from a file, checked and completed with defaults: the inputs and settings of a
/// build. The tables of fields (`Recipe.fields` and those of its sections) are the only definition
/// of the fields' names, ranges and defaults.
package struct Recipe: Sendable, Equatable {
  /// The path of the recipe file, as given.
  package var path: String
  /// The artifact's name.
  package var name = ""
  /// The default of all other seeds.
  package var seed = 0
  /// The path of a checkpoint: a Hugging Face folder or a GGUF file.
  package var model = ""
  /// The path of a `config.json` with which a build can be planned without the checkpoint; nil if
  /// not given.
  package var shape: String?
  /// Missing files, one sentence each; always empty unless the recipe was read for planning.
  package var missing: [String] = []
  /// The model's name in provenance.
  package var modelName = ""
  package var calibration = CalibrationRecipe()
  package var compression = CompressionRecipe()
  /// The prompt to learn or embed; nil for an artifact without one.
  package var prompt: PromptRecipe?
  package var evaluations: [EvaluationRecipe] = []
  package var tasks: [TaskRecipe] = []
  package var gate = GateRecipe()
  package var packaging = PackagingRecipe()
  /// The path of the artifact; nil for `<name>.ctpack` in the current folder.
  package var output: String?
  /// The memory budget of a build in bytes: activations beyond it are written to files or
  /// recomputed. Half of the machine's memory by default; it doesn't affect results.
  package var memory = ProcessUsage.availableMemory / 2
  /// The line of each field in the file, by section and name: "compression.bits".
  package var lines: [String: Int] = [:]

  /// Whether anything is measured, so that a gate has something to judge.
  var isMeasured: Bool { !evaluations.isEmpty || !tasks.isEmpty }

  /// Makes the recipe of an empty file: all defaults, and no model.
  init(emptyFile path: String) { self.path = path }
}

/// The calibration text, on which compression gathers its statistics.
package struct CalibrationRecipe: Sendable, Equatable {
  /// The positions of windows in the text.
  package enum Selection: String, Sendable, CaseIterable {
    /// Windows at random positions, as in GPTQ's reference implementation.
    case random
    /// Consecutive windows from the start of the text.
    case consecutive
  }

  /// The path of the text.
  package var text = ""
  /// The number of windows.
  package var windows = 128
  /// The number of tokens per window.
  package var length = 512
  package var selection = Selection.random
  /// The seed of random positions.
  package var seed = 0
}

/// The compression of the model's weights.
package struct CompressionRecipe: Sendable, Equatable {
  package var settings = CompressionSettings()
  /// The precision of matrix products in the calibration's forward passes.
  package var arithmetic = Arithmetic.bfloat16
  /// The budget in bits per weight of the compressed layers, scales and zero points included,
  /// within which bits and sparsity are chosen per layer; nil to give all layers the same settings.
  package var targetBits: Double?
  /// The kinds of numerical events that make the build fail.
  package var failOn: [String] = []
}

/// An evaluation text, on which up to four perplexities are measured.
package struct EvaluationRecipe: Sendable, Equatable {
  package var name = ""
  /// The path of the text.
  package var text = ""
  /// The name of the perplexity protocol.
  package var protocolID = "ctp-1024"
  /// The number of tokens per window; nil for the protocol's.
  package var length: Int?
  /// The maximum number of windows; nil for all.
  package var windows: Int?
  /// The precision of matrix products with the weights and in attention.
  package var arithmetic = Arithmetic.float32
  /// Whether the divergence from the full model is measured too.
  package var divergence = false
}

/// The storage of the artifact.
package struct PackagingRecipe: Sendable, Equatable {
  /// The storage of tensors: mapped in the kernels' layout, or entropy coded.
  package var storage = TensorStorage.mapped
}

/// The limits that measured numbers must meet before anything is packaged.
package struct GateRecipe: Sendable, Equatable {
  /// The limits of one evaluation; nil for no limit.
  package struct Limits: Sendable, Equatable {
    /// The highest perplexity of the artifact: compressed, with its prompt if it has one.
    package var maxPerplexity: Double?
    /// The highest ratio of the artifact's perplexity to the full model's.
    package var maxRatioToFull: Double?
    /// The least share of the gap between the full model's perplexity f and the compressed model's
    /// c that the prompt's p closes: (c − p) / (c − f).
    package var minGapClosed: Double?
    /// Limits of the artifact's divergence from the full model.
    package var divergence: [DivergenceLimit: Double] = [:]
    /// The number of standard errors by which a limit must be met; nil for none. It doesn't apply
    /// to `minGapClosed`, whose error isn't known.
    package var marginErrors: Double?

    package static let none = Limits()
    package init(
      maxPerplexity: Double? = nil, maxRatioToFull: Double? = nil, minGapClosed: Double? = nil,
      divergence: [DivergenceLimit: Double] = [:], marginErrors: Double? = nil
    ) {
      self.maxPerplexity = maxPerplexity
      self.maxRatioToFull = maxRatioToFull
      self.minGapClosed = minGapClosed
      self.divergence = divergence
      self.marginErrors = marginErrors
    }
    /// Whether there is no limit. A margin alone is none.
    package var isEmpty: Bool {
      var limits = self
      limits.marginErrors = nil
      return limits == .none
    }

    /// The limit of one number of the divergence; nil for none.
    package subscript(_ limit: DivergenceLimit) -> Double? {
      get { divergence[limit] }
      set { divergence[limit] = newValue }
    }
  }

  /// The limits of all evaluations, unless `named` overrides them.
  package var all = Limits.none
  /// Limits by evaluation name.
  package var named: [String: Limits] = [:]
  /// Limits by task name.
  package var tasks: [String: TaskLimits] = [:]

  package init() {}

  /// Returns the limits of one evaluation: its own if set, otherwise those for all.
  package func limits(for evaluation: String) -> Limits {
    guard let own = named[evaluation] else { return all }
    return Limits(
      maxPerplexity: own.maxPerplexity ?? all.maxPerplexity,
      maxRatioToFull: own.maxRatioToFull ?? all.maxRatioToFull,
      minGapClosed: own.minGapClosed ?? all.minGapClosed,
      divergence: all.divergence.merging(own.divergence) { $1 },
      marginErrors: own.marginErrors ?? all.marginErrors)
  }
}
