import BundleFormat
import Bytes
import Checkpoints
import Compression
import Models
import Numerics
import TestSupport
import Testing

/// Models compressed block by block. Model and text are fixtures, because what is asserted of the
/// compressed model's error are outcomes: feedback and corrections lower it.
@Suite struct BlockCompressorTests {
  static let configuration = ModelConfiguration(
    vocabularySize: 53, hiddenSize: 24, intermediateSize: 37, layers: 2, heads: 3, kvHeads: 1,
    headDim: 6, tiedEmbeddings: true, maximumPositions: 128)
  static let length = 11

  private static func normals(
    _ shape: [Int], _ deviation: Double, _ random: inout TestRandom, mean: Double = 0
  ) -> Tensor {
    Tensor(
      shape, (0..<shape.reduce(1, *)).map { _ in Float(mean + random.normal() * deviation) })
  }

  /// A random model with strongly correlated inputs, so that error feedback makes a difference.
  static func makeModel(_ c: ModelConfiguration = configuration) throws -> LanguageModel {
    var random = TestRandom(fixture: 31)
    func norm(_ deviation: Double) -> Norm {
      let gain = normals([c.hiddenSize], deviation, &random, mean: 1)
      if c.design.norm == .rms { return .rms(gain: gain, epsilon: 1e-5) }
      return .layer(gain: gain, bias: normals([c.hiddenSize], 0.2, &random), epsilon: 1e-5)
    }
    let blocks = try (0..<c.layers).map { index in
      var layers: [LinearName: Linear] = [:]
      for name in LinearName.allCases {
        let (rows, columns) = c.shape(of: name)
        layers[name] = Linear(weight: .dense(normals([rows, columns], 0.3, &random)))
        if c.hasBias(name) { layers[name]?.bias = normals([rows], 0.2, &random) }
      }
      let none = Linear(weight: .dense(Tensor([0, 0])))
      let ready = layers
      return try Block(
        index: index, configuration: c,
        attentionNorm: norm(0.4), feedForwardNorm: norm(0.4)
      ) { (name) throws(Failure) in ready[name] ?? none }
    }
    let few = normals([6, c.hiddenSize], 1, &random)
    let mixing = normals([c.vocabularySize, 6], 1, &random)
    let embedding = normals([c.vocabularySize, c.hiddenSize], 0.2, &random)
    MatMul.multiply(mixing, few, into: embedding, beta: 1)
    let positions = c.positionRows.map {
      (table: Weight.dense(normals([$0, c.hiddenSize], 0.2, &random)), offset: 2)
    }
    return LanguageModel(
      configuration: c, input: InputLayer(embedding: .dense(embedding), positions: positions),
      output: OutputLayer(
        norm: c.design.hasFinalNorm ? norm(0.1) : nil, head: .dense(embedding)), blocks: blocks)
  }

  static let windows: [[Int32]] = {
    var random = TestRandom(fixture: 32)
    return (0..<20).map { _ in (0..<length).map { _ in Int32(random.below(53)) } }
  }()

  private func settings(
    bits: Int = 3, trueSequential: Bool = true, method: CompressionMethod = .gptq,
    drift: DriftCorrection? = nil
  ) -> CompressionSettings {
    CompressionSettings(
      linear: TensorSettings(
        method: method, grid: GridSettings(bits: bits, group: .columns(16)), drift: drift),
      trueSequential: trueSequential)
  }

  private struct Result {
    var blocks: [CompressedBlock] = []
    var outputs: [[Float]] = []
    var model: LanguageModel
  }

  private func compress(
    _ settings: CompressionSettings, _ c: ModelConfiguration = configuration,
    budget: MemoryBudget = .standard, folder: String? = nil
  ) throws -> Result {
    let model = try Self.makeModel(c)
    let compressor = try BlockCompressor(
      settings, for: c, sequenceLength: Self.length, budget: budget, folder: folder)
    var inputs = try compressor.inputs(for: Self.windows, of: model)
    #expect(inputs.allSatisfy { ($0.file != nil) == (folder != nil && budget == .minimal) })
    var full: [Tensor]?
    if settings.needsFullModel {
      full = try compressor.inputs(for: Self.windows, of: model, .full)
      #expect(full?.map(\.values) == inputs.map(\.values))
    }
    var result = Result(model: model)
    var blocks: [Block] = []
    for index in 0..<c.layers {
      let before = inputs.map(\.values)
      let fullBefore = full?.map(\.values)
      let (block, outputs, fullOutputs) = try compressor.compressBlock(
        index, of: model, inputs: inputs, set: (index + 1) % 2,
        full: full.map { BlockCompressor.FullInputs(inputs: $0, set: (index + 1) % 2) })
      #expect(inputs.map(\.values) == before, "a block's inputs stay as they were")
      #expect(full?.map(\.values) == fullBefore)
      if let entering = full {
        #expect(
          try compressor.outputs(of: model.block(index), inputs: entering, set: 2, .full)
            .map(\.values) == fullOutputs?.map(\.values))
      }
      full = fullOutputs
      var packed = try model.block(index)
      #expect(block.tensors.count == c.linears.count)
      for (name, tensor) in zip(c.linears, block.tensors) {
        #expect(tensor.name == c.keys.weight(of: name, block: index))
        packed[name].weight = try .packed(PackedMatrix(tensor.stored))
      }
      #expect(
        try compressor.outputs(of: packed, inputs: inputs, set: 2).map(\.values)
          == outputs.map(\.values),
        "replaying the compressed block gives the same bits")
      blocks.append(packed)
      result.blocks.append(block)
      result.outputs.append(outputs.flatMap(\.values))
      inputs = outputs
    }
    result.model = LanguageModel(
      configuration: c, input: model.input, output: model.output, blocks: blocks)
    return result
  }

  /// Mean squared difference of the last residual stream from the uncompressed model's.
  private func drift(_ result: Result) throws -> Double {
    let compressor = try BlockCompressor(
      settings(), for: result.model.configuration, sequenceLength: Self.length)
    let model = try Self.makeModel(result.model.configuration)
    var inputs = try compressor.inputs(for: Self.windows, of: model)
    for index in 0..<model.configuration.layers {
      inputs = try compressor.outputs(of: model.block(index), inputs: inputs)
    }
    let expected = inputs.flatMap(\.values)
    let found = result.outputs.last ?? []
    #expect(found.count == expected.count)
    var sum = 0.0
    for (a, b) in zip(found, expected) { sum += Double(a - b) * Double(a - b) }
    return sum / Double(expected.count)
  }

  @Test func feedbackKeepsTheModelCloserThanRounding() throws {
    let solved = try drift(compress(settings()))
    let rounded = try drift(compress(settings(method: .roundToNearest)))
    #expect(solved < 0.8 * rounded, "\(solved) against \(rounded)")
    let fine = try drift(compress(settings(bits: 8)))
    #expect(fine < 0.01 * solved)
  }

  /// OPT's block designs: no gate, biases, LayerNorm before or after attention and feed-forward.
  @Test(arguments: [ModelDesign.NormPlacement.before, .after])
  func otherDesignsAreCompressedTheSameWay(_ placement: ModelDesign.NormPlacement) throws {
    var c = Self.configuration
    (c.family, c.kvHeads) = (.opt, 3)
    c.design = ModelDesign(
      norm: .layer(hasWeights: true), normPlacement: placement, hasFinalNorm: placement == .before,
      feedForward: .plain(.relu), positions: .learned(offset: 2), biases: .all)
    let solved = try compress(settings(), c)
    let (error, rounded) = (
      try drift(solved), try drift(compress(settings(method: .roundToNearest), c))
    )
    #expect(error < 0.9 * rounded, "\(error) against \(rounded)")
    #expect(try drift(compress(settings(bits: 8), c)) < 0.01 * error)
    #expect(try solved.model.nll(sequences: Self.windows).joined().allSatisfy(\.isFinite))
    // With calibration on the uncompressed block, later stages see other inputs.
    let parallel = try compress(settings(trueSequential: false), c)
    for (name, (a, b)) in zip(c.linears, zip(solved.blocks[0].tensors, parallel.blocks[0].tensors))
    {
      let equal = a.stored.codes?.array == b.stored.codes?.array
      #expect(equal == (name.stage == .queryKeyValue), "\(name.rawValue)")
    }
  }

  /// The first stage sees the same inputs either way; later stages see earlier errors only if
  /// sequential.
  @Test func trueSequentialChangesLaterStagesOnly() throws {
    let sequential = try compress(settings()).blocks[0]
    let parallel = try compress(settings(trueSequential: false)).blocks[0]
    for (name, (a, b)) in zip(LinearName.allCases, zip(sequential.tensors, parallel.tensors)) {
      let equal = a.stored.codes?.array == b.stored.codes?.array
      #expect(equal == (name.stage == .queryKeyValue), "\(name.rawValue)")
    }
  }

  /// Corrections for drift bring the compressed model's output closer to the uncompressed model's.
  @Test(arguments: DriftCorrection.Method.allCases, [true, false])
  func correctionsKeepTheModelCloser(
    _ method: DriftCorrection.Method, _ trueSequential: Bool
  ) throws {
    let plain = try compress(settings(trueSequential: trueSequential))
    let corrected = try compress(
      settings(
        trueSequential: trueSequential, drift: DriftCorrection(method, strength: 1)))
    #expect(try drift(corrected) < drift(plain))
    // Nothing has drifted before the first stage.
    for (a, b) in zip(plain.blocks[0].tensors, corrected.blocks[0].tensors).prefix(3) {
      #expect(a.stored.codes?.array == b.stored.codes?.array)
      #expect(b.ledger.driftShift == 0)
    }
    #expect(corrected.blocks[1].tensors.allSatisfy { ($0.ledger.driftShift ?? 0) > 0 })
  }

  @Test func correctionsNeedTheFullModelsRows() throws {
    let model = try Self.makeModel()
    let compressor = try BlockCompressor(
      settings(drift: DriftCorrection(.qep)), for: Self.configuration, sequenceLength: Self.length)
    let inputs = try compressor.inputs(for: Self.windows, of: model)
    #expect(throws: Failure.self) { try compressor.compressBlock(0, of: model, inputs: inputs) }
  }

  /// Results are the same with rows in memory and in files, for both kinds of calibration inputs.
  @Test(arguments: [true, false], [nil, DriftCorrection(.qep)])
  func rowsInFilesGiveTheSameBytes(_ trueSequential: Bool, _ drift: DriftCorrection?) throws {
    let expected = try compress(settings(trueSequential: trueSequential, drift: drift))
    for budget in [MemoryBudget.minimal, .unlimited] {
      let folder = try TemporaryFolder()
      let found = try compress(
        settings(trueSequential: trueSequential, drift: drift), budget: budget,
        folder: folder.path)
      #expect(found.outputs == expected.outputs)
      #expect(folder.names.isEmpty == (budget == .unlimited))
      for (a, b) in zip(found.blocks, expected.blocks) {
        #expect(a.tensors.map(\.ledger) == b.tensors.map(\.ledger))
        #expect(
          a.tensors.map { $0.stored.codes?.array } == b.tensors.map { $0.stored.codes?.array })
      }
    }
  }

  @Test func resultsDontDependOnThreads() throws {
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    var results: [Result] = []
    for count in [1, 3] {
      Parallel.threads = count
      results.append(try compress(settings(drift: DriftCorrection(.gptaq))))
    }
    #expect(results[0].outputs == results[1].outputs)
    for (a, b) in zip(results[0].blocks, results[1].blocks) {
      #expect(a.tensors.map(\.ledger) == b.tensors.map(\.ledger))
      for (x, y) in zip(a.tensors, b.tensors) {
        #expect(x.stored.codes?.array == y.stored.codes?.array)
        #expect(x.stored.scales?.array == y.stored.scales?.array)
        #expect(x.stored.zeros?.array == y.stored.zeros?.array)
      }
    }
  }

  @Test func impossibleRequestsAreRefused() throws {
    var wide = settings()
    // Fits the feed-forward's 37 columns, but not the 24 of the others.
    wide.linear.grid.group = .columns(30)
    #expect {
      try BlockCompressor(wide, for: Self.configuration, sequenceLength: 11)
    } throws: {
      ($0 as? Failure)?.kind == .usage && ($0 as? Failure)?.place?.contains("self_attn") == true
    }
    #expect(throws: Failure.self) {
      try BlockCompressor(settings(), for: Self.configuration, sequenceLength: 0)
    }
    let model = try Self.makeModel()
    let compressor = try BlockCompressor(settings(), for: Self.configuration, sequenceLength: 12)
    #expect(throws: Failure.self) { try compressor.inputs(for: Self.windows, of: model) }
    let empty = try BlockCompressor(settings(), for: Self.configuration, sequenceLength: 11)
    #expect {
      try empty.compressBlock(0, of: model, inputs: [])
    } throws: { ($0 as? Failure)?.finding.contains("no calibration text") == true }
  }
}
