import Builds
import BundleFormat
import Bytes
import Checkpoints
import Compression
import Models
import Numerics

/// The stage that chooses each layer's bits and sparsity within a budget.
///
/// Inputs: uncompressed weights and calibration windows. Every candidate setting of every layer is
/// solved once on the uncompressed model's inputs, over a part of the calibration text, and rated
/// by its relative output error. The effect on the whole model is measured for each set of a
/// block's layers ({q, k, v}, {o}, {gate, up}, {down}) as the divergence from the uncompressed
/// model when only that set is compressed. The allocation minimizes the expected loss within the
/// budget.
struct AllocateStage: Stage {
  /// The settings without drift correction, because candidates see the uncompressed model's inputs.
  private let settings: CompressionSettings
  let configuration: ModelConfiguration
  /// The budget in bits per weight of the compressed layers, including scales, zero points and
  /// masks.
  let target: Double
  /// The number of calibration tokens used.
  let tokens: Int
  /// The memory budget in bytes; activations beyond it are written to files.
  let memory: Int
  let arithmetic: Arithmetic

  init(
    settings: CompressionSettings, configuration: ModelConfiguration, target: Double, tokens: Int,
    memory: Int, arithmetic: Arithmetic
  ) {
    self.settings = settings.withoutDrift
    self.configuration = configuration
    self.target = target
    self.tokens = tokens
    self.memory = memory
    self.arithmetic = arithmetic
  }

  static let name = "allocate"
  /// The choices, a JSON array with one object per layer.
  static let choices = StageOutput("choices", of: name)
  /// The number of windows used; a layer's sensitivity shows on little text.
  static let windows = 16
  /// The number of tokens on which the loss of a set of layers is measured.
  static let probedTokens = 2048

  var name: String { Self.name }
  var algorithmVersion: Int { 6 }
  var parameters: JSON {
    var object = settings.canonical.object ?? [:]
    object["arithmetic"] = .string(arithmetic.available.rawValue)
    object["target_bits_per_weight"] = .number(target)
    return .object(object)
  }
  struct Inputs {
    let model: FileInput
    let windows: FileInput
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(model: list.output(ImportStage.model), windows: list.output(CalibrateStage.windows))
  }
  var outputs: [StageOutput] { [Self.choices] }
  var usesKernels: Bool { true }
  var unit: String { "block" }
  var work: Double {
    let candidates = Double(Allocation.candidates(around: settings.linear).count)
    return Double(configuration.linearCount) * Double(tokens) * 1e-9 * candidates
  }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    let source = try BundleCheckpoint(path: context.path(inputs.model))
    let model = try LanguageModel(
      bundle: source.bundle, residency: .streamed, arithmetic: arithmetic)
    let path = context.path(inputs.windows)
    let all = try TokenWindows(parsing: MappedFile(path: path).bytes, file: path).windows
    let windows = Array(all.prefix(Self.windows))
    let compressor = try compressor(length: windows[0].count, context)
    // Kept in files beyond the memory budget; each block's outputs overwrite its inputs.
    let inputs = try compressor.inputs(for: windows, of: model)
    var rated: [(tensor: String, ratings: [CandidateRating])] = []
    var weights = 0
    let probed = max(1, Self.probedTokens / windows[0].count)
    var probe = try LossProbe(model, windows: Array(windows.prefix(probed)))
    for block in 0..<configuration.layers {
      try context.checkStop()
      let (layers, compressed) = try compressor.rateBlock(
        block, of: model, inputs: inputs, progress: ProgressHandler(stop: context.checkStop))
      var worst = 0.0
      for set in BlockStage.allCases {
        var changed = try model.block(block)
        var keys: Set<String> = []
        for name in configuration.linears(of: set) {
          changed[name].weight = compressed[name].weight
          keys.insert(configuration.keys.weight(of: name, block: block))
        }
        let loss = try probe.divergence(replacing: changed)
        worst = max(worst, loss)
        rated += Self.weighted(layers.filter { keys.contains($0.tensor) }, loss: loss, settings)
        try context.checkStop()
      }
      try probe.advance()
      source.bundle.release()
      context.report(block + 1, of: configuration.layers, "up to \(Figure.short(worst)) nats lost")
    }
    for name in configuration.linears {
      let shape = configuration.shape(of: name)
      weights +=
        (0..<configuration.layers).count {
          settings.settings(for: configuration.keys.weight(of: name, block: $0)).compresses
        } * shape.rows * shape.columns
    }
    let budget = Int(target * Double(weights) / 8)
    guard let chosen = Allocation.choose(rated.map(\.ratings), budget: budget) else {
      let least = rated.reduce(0) { $0 + ($1.ratings.map(\.bytes).min() ?? 0) }
      throw Failure(
        .usage, "no allocation fits \(target) bits per weight",
        advice:
          "raise `target_bits_per_weight`; the smallest candidates take \(Figure.fixed(Double(least * 8) / Double(weights), 2))"
      )
    }
    let choices = zip(rated, chosen).map { layer, index -> JSON in
      let rating = layer.ratings[index]
      return [
        "tensor": .string(layer.tensor), "bits": JSON(rating.settings.grid.bits),
        "sparsity": .string(rating.settings.sparsity.label), "bytes": JSON(rating.bytes),
        "error": .number(rating.error),
      ]
    }
    let bytes = zip(rated, chosen).reduce(0) { $0 + $1.0.ratings[$1.1].bytes }
    return StageResult(
      outputs: [Self.choices: .bytes(JSON.array(choices).canonicalBytes)],
      summary: [
        "bits_per_weight": .number(Double(bytes * 8) / Double(weights)),
        "layers": JSON(rated.count),
      ])
  }
}

extension AllocateStage {
  /// Makes a compressor with the memory that remains after its fixed buffers.
  private func compressor(length: Int, _ context: StageContext) throws -> BlockCompressor {
    let probe = LossProbe.bytes(for: configuration, tokens: max(Self.probedTokens, length))
    let fixed =
      probe
      + CompressionMemory.bytes(
        for: configuration, rows: BlockCompressor.mostRows(sequenceLength: length))
    if fixed > memory {
      context.say(
        "rating a block takes about \(Figure.bytes(fixed)) of memory, more than the limit of"
          + " \(Figure.bytes(memory))")
    }
    return try BlockCompressor(
      settings, for: configuration, sequenceLength: length,
      budget: MemoryBudget(bytes: max(0, memory - fixed)), folder: context.partial.folder)
  }
}
