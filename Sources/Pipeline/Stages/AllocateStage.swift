import Builds
import BundleFormat
import Bytes
import Checkpoints
import Compression
import Models
import Numerics

/// Plain weights, calibration windows and a budget → the bits and the share of zeros of each layer.
///
/// Every candidate of every layer is solved once on the uncompressed model's inputs, over a part of
/// the calibration text, and rated by the share of its output that becomes error. What that costs the
/// whole model is measured set by set of a block ({q, k, v}, {o}, {gate, up}, {down}), as the divergence
/// from the uncompressed model with that set alone compressed. The least expected loss within the budget is chosen.
struct AllocateStage: Stage {
  /// Settings without correction for drift: candidates see the uncompressed model's inputs.
  private let settings: CompressionSettings
  let configuration: ModelConfiguration
  /// Bits per weight of the compressed layers, scales, zeros and masks included.
  let target: Double
  let tokens: Int
  /// Bytes that the process may have in memory; rows beyond it go to files.
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
  static let choices = StageOutput("choices", of: name)
  /// Windows that are looked at: which layer is sensitive shows on little text.
  static let windows = 16
  /// Tokens on which the loss of a set of layers is measured.
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
    // In files as far as memory doesn't hold them; each block overwrites what entered it.
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
      context.report(block + 1, of: configuration.layers, "loses up to \(Figure.short(worst)) nats")
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
          "the least that its candidates take is \(Figure.fixed(Double(least * 8) / Double(weights), 2))"
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
  private func compressor(length: Int, _ context: StageContext) throws -> BlockCompressor {
    let probe = LossProbe.bytes(for: configuration, tokens: max(Self.probedTokens, length))
    let fixed =
      probe
      + CompressionMemory.bytes(
        for: configuration, rows: BlockCompressor.mostRows(sequenceLength: length))
    if fixed > memory {
      context.say(
        "rating a block takes about \(Figure.bytes(fixed)) of memory, more than the"
          + " \(Figure.bytes(memory)) given")
    }
    return try BlockCompressor(
      settings, for: configuration, sequenceLength: length,
      budget: MemoryBudget(bytes: max(0, memory - fixed)), folder: context.partial.folder)
  }
}
