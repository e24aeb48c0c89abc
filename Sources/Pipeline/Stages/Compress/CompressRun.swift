import Builds
import BundleFormat
import Bytes
import Checkpoints
import Compression
import Models
import Numerics

/// One run of the compress stage.
struct CompressRun {
  let stage: CompressStage
  let context: StageContext
  let settings: CompressionSettings
  let source: BundleCheckpoint
  let model: LanguageModel
  let compressor: BlockCompressor
  let windows: [[Int32]]
  private let origin: SectionOrigin
  /// The index of the block to compress next.
  var next = 0
  /// The inputs of the next block.
  var rows: BlockRows
  /// The inputs of the next block in the uncompressed model; nil without drift correction.
  var full: BlockRows?
  private var savedAt = ProcessUsage.clock
  /// The result of the last block in words, for the progress display.
  private(set) var note = ""

  /// The seconds between two saves, which is the work that a crash may lose.
  private static let savedSeconds = 20.0

  init(
    _ stage: CompressStage, _ context: StageContext, _ inputs: CompressStage.Inputs
  ) throws {
    self.stage = stage
    self.context = context
    source = try BundleCheckpoint(path: context.path(inputs.model))
    model = try LanguageModel(
      bundle: source.bundle, residency: .streamed, arithmetic: stage.arithmetic)
    let path = context.path(inputs.windows)
    windows = try TokenWindows(parsing: MappedFile(path: path).bytes, file: path).windows
    settings =
      try inputs.choices.map { try stage.settings.with(choices: context.json($0)) }
      ?? stage.settings
    let length = windows[0].count
    let fixed = CompressionMemory.bytes(
      for: stage.configuration, rows: BlockCompressor.mostRows(sequenceLength: length),
      besideFullModel: settings.needsFullModel)
    if fixed > stage.memory {
      context.say(
        "compressing a block takes about \(Figure.bytes(fixed)) of memory, more than the limit of"
          + " \(Figure.bytes(stage.memory))")
    }
    compressor = try BlockCompressor(
      settings, for: stage.configuration, sequenceLength: length,
      budget: MemoryBudget(bytes: max(0, stage.memory - fixed)), folder: context.partial.folder)
    rows = BlockRows(compressor.space(windows: windows.count), context.partial)
    if settings.needsFullModel {
      full = BlockRows(
        compressor.space(windows: windows.count, .full), context.partial, name: "full-rows")
    }
    origin = SectionOrigin(
      stage: context.key.digest,
      inputs: [
        (name: ImportStage.model.name, sha256: context.digest(inputs.model)),
        (name: CalibrateStage.windows.name, sha256: context.digest(inputs.windows)),
      ])
  }

  /// Compresses the next block, saves it, and saves the following block's inputs if it is time.
  mutating func compressNext() throws {
    let (block, outputs, fullOutputs) = try compressOrSave()
    var writer = BundleWriter(ownFile: blockPath(next))
    for tensor in block.tensors { writer.addTensor(tensor.stored, origin: origin) }
    try writer.finish()
    // Saved last, because this state marks the block as finished.
    try context.partial.save(
      "block-\(next)",
      [
        "ledger": .array(block.tensors.map(\.ledger.json)),
        "events": .array(block.tensors.flatMap(\.events).map(\.json)),
      ])
    let errors = block.tensors.compactMap(\.ledger.relativeOutputError)
    if let worst = errors.max() { note = "largest relative output error \(Figure.short(worst))" }
    describe(block)
    next += 1
    rows.advance(to: outputs)
    if let fullOutputs { full?.advance(to: fullOutputs) }
    source.bundle.release()
    try context.partial.mark(next, of: stage.configuration.layers, unit: stage.unit)
    let isDue = rows.isDueAlways || ProcessUsage.clock - savedAt >= Self.savedSeconds
    if next < stage.configuration.layers, isDue || context.isStopping {
      try saveRows()
      savedAt = ProcessUsage.clock
    }
  }

  private mutating func saveRows() throws {
    try rows.save(block: next)
    try full?.save(block: next)
  }

  private var spilledBytes: Int { rows.space.spilledBytes + (full?.space.spilledBytes ?? 0) }

  /// Records a block's time by part and the memory in use after it.
  private func describe(_ block: CompressedBlock) {
    let seconds = block.seconds
    let memory = ProcessUsage.memory
    context.record([
      "block": JSON(block.index), "memory": JSON(memory?.resident ?? 0),
      "anonymous": JSON(memory?.anonymous ?? 0), "spilled": JSON(spilledBytes),
      "parts": [
        "statistics": .number(seconds.statistics), "solving": .number(seconds.solving),
        "forward": .number(seconds.forward),
      ],
    ])
    let times = [
      ("statistics", seconds.statistics), ("solving", seconds.solving),
      ("forward", seconds.forward),
    ].map { "\($0.0) \(Figure.time($0.1))" }.joined(separator: ", ")
    let resident = memory.map {
      "; \(Figure.bytes($0.resident)) in memory, \(Figure.bytes($0.anonymous)) of it the program's own"
    }
    context.detail(
      "block \(block.index): \(times)\(resident ?? ""),"
        + " \(Figure.bytes(spilledBytes)) of rows in files")
  }

  /// Compresses the next block; if interrupted, saves the block's inputs.
  private mutating func compressOrSave() throws -> (
    block: CompressedBlock, outputs: [Tensor], full: [Tensor]?
  ) {
    do {
      return try compressor.compressBlock(
        next, of: model, inputs: rows.chunks, set: rows.otherSet,
        full: full.map { BlockCompressor.FullInputs(inputs: $0.chunks, set: $0.otherSet) },
        progress: ProgressHandler(stop: context.checkStop))
    } catch {
      if error.kind == .interrupted, next > 0 { try saveRows() }
      throw error
    }
  }

  /// The amount of calibration text and the number of distinct tokens in it.
  private var coverage: JSON {
    [
      "windows": JSON(windows.count), "length": JSON(windows[0].count),
      "distinct_tokens": JSON(Set(windows.joined()).count),
      "vocabulary": JSON(stage.configuration.vocabularySize),
    ]
  }

  /// Assembles all blocks, the dense tensors, the tokenizer and the configuration into one bundle.
  func assemble() throws -> StageResult {
    let target = context.partial.scratch("compressed.ctpack")
    var writer = BundleWriter(ownFile: target)
    var ledger: [JSON] = []
    var events: [JSON] = []
    for index in 0..<stage.configuration.layers {
      let bundle = try ModelBundle(path: blockPath(index))
      for section in bundle.sections { try writer.add(copying: section, from: bundle) }
      bundle.release()
      guard let notes = try context.partial.json("block-\(index)") else {
        throw Failure(
          .invalidData, file: blockPath(index), "the record of this block is missing or damaged",
          advice: "run the same command again, which compresses the block anew")
      }
      ledger += notes["ledger"]?.array ?? []
      events += notes["events"]?.array ?? []
    }
    let configuration = stage.configuration
    let linear = Set(
      (0..<configuration.layers).flatMap { index in
        configuration.linears.map { configuration.keys.weight(of: $0, block: index) }
      })
    for name in source.tensorNames {
      let own = linear.contains(name) ? settings.settings(for: name) : nil
      if own?.compresses == true { continue }
      let stored =
        try own?.values?.store(name, from: source)
        ?? settings.storage(of: name).store(name, from: source)
      writer.addTensor(stored, origin: origin)
    }
    writer.add(.document(.tokenizer, bytes: try source.bundle.tokenizer, layout: .json))
    writer.add(.document(.modelConfiguration, json: try source.bundle.configuration))
    try writer.finish()
    let bundle = try ModelBundle(path: target)
    return StageResult(
      outputs: [
        CompressStage.model: .file(target),
        CompressStage.ledger: .bytes(
          JSON.object(["calibration": coverage, "layers": .array(ledger)]).canonicalBytes),
        CompressStage.events: .bytes(JSON.array(events).canonicalBytes),
      ],
      summary: [
        "bits_per_weight": .number(bundle.bitsPerWeight), "bytes": JSON(bundle.fileBytes),
        "events": JSON(events.count),
      ])
  }
}
