import Builds
import Bytes
import Checkpoints
import Compression
import Numerics

/// The stage that compresses the weights, block by block, on calibration inputs that carry the
/// errors of earlier blocks.
///
/// Each finished block is saved as a small bundle in the partial state. The next block's inputs are
/// saved only occasionally, because they can be recomputed bit for bit from the finished blocks.
struct CompressStage: Stage {
  let settings: CompressionSettings
  let configuration: ModelConfiguration
  /// The number of calibration tokens.
  let tokens: Int
  /// The memory budget in bytes; activations beyond it are written to files.
  let memory: Int
  let arithmetic: Arithmetic
  /// Whether an earlier stage chose the settings of each layer.
  let isAllocated: Bool

  static let name = "compress"
  /// A bundle of the compressed weights, the dense tensors, the tokenizer and the configuration.
  static let model = StageOutput("compressed", of: name)
  /// The calibration coverage and an entry per layer, JSON.
  static let ledger = StageOutput("ledger", of: name)
  /// The numerical events, JSON.
  static let events = StageOutput("events", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 7 }
  var parameters: JSON {
    var object = settings.canonical.object ?? [:]
    object["arithmetic"] = .string(arithmetic.available.rawValue)
    return .object(object)
  }
  struct Inputs {
    let model: FileInput
    let windows: FileInput
    /// The allocation's choices; nil if all layers have the recipe's settings.
    let choices: FileInput?
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      model: list.output(ImportStage.model), windows: list.output(CalibrateStage.windows),
      choices: isAllocated ? list.output(AllocateStage.choices) : nil)
  }
  var outputs: [StageOutput] { [Self.model, Self.ledger, Self.events] }
  var usesKernels: Bool { true }
  var unit: String { "block" }
  var work: Double {
    let d = Double(configuration.hiddenSize)
    let wide = Double(configuration.intermediateSize)
    let grams = Double(configuration.layers) * (3 * d * d + wide * wide)
    // Drift correction also runs the uncompressed model, and its statistics aren't symmetric.
    let (forward, statistics) = settings.needsFullModel ? (2.5, 3.0) : (1.5, 1.0)
    return (Double(configuration.linearCount) * forward + grams * statistics) * Double(tokens)
      * 1e-9
  }
  var pace: Double { 1.5 }
  var needs: StageNeeds {
    // Two sets of the residual stream, and a block's intermediate activations.
    let rows = 12 * tokens * configuration.hiddenSize
    let working = CompressionMemory.bytes(for: configuration, rows: min(tokens, 4096))
    let inMemory = min(rows, max(0, memory - working))
    return StageNeeds(
      memory: working + inMemory,
      disk: configuration.bytes(compressed: settings) + rows - inMemory, settings: ["memory"])
  }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    var run = try CompressRun(self, context, inputs)
    try run.recover()
    let layers = configuration.layers
    context.report(run.next, of: layers)
    while run.next < layers {
      try run.compressNext()
      context.report(run.next, of: layers, run.note)
      if run.next < layers { try context.checkStop() }
    }
    return try run.assemble()
  }
}
