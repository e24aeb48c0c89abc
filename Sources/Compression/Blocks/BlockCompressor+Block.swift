import Bytes
import Models
import Numerics

extension BlockCompressor {
  /// A block's inputs in the uncompressed model.
  package struct FullInputs {
    /// Chunks [rows, d].
    package let inputs: [Tensor]
    /// The set of files, 0 or 1, for the next block's inputs.
    package let set: Int

    package init(inputs: [Tensor], set: Int) {
      self.inputs = inputs
      self.set = set
    }
  }

  /// Compresses block `index` of the uncompressed model `model`.
  ///
  /// - Parameters:
  ///   - inputs: the block's inputs, from `inputs(for:of:)` or the block before; left unchanged.
  ///   - set: the set of files for the next block's inputs: 1 if `inputs` are in set 0, otherwise
  ///     0.
  ///   - full: the block's inputs in the uncompressed model; required if the settings correct for
  ///     drift.
  ///   - progress: receives the number of sets of layers done, before each set.
  /// - Returns: the compressed block, and the next block's inputs in the compressed model and, with
  ///   `full`, in the uncompressed one.
  package func compressBlock(
    _ index: Int, of model: LanguageModel, inputs: [Tensor], set: Int = 1, full: FullInputs? = nil,
    progress: ProgressHandler = .none
  ) throws(Failure) -> (block: CompressedBlock, outputs: [Tensor], full: [Tensor]?) {
    let block = try model.block(index)
    var work = BlockWork(block: block, settings: settings)
    let space = space(of: inputs)
    let outputs = try copies(of: inputs, space, set: set)
    var fullOutputs: [Tensor]?
    var fullRun: StagedBlock?
    if let full {
      let space = self.space(of: full.inputs, .full)
      let rows = try copies(of: full.inputs, space, set: full.set)
      fullOutputs = rows
      fullRun = try staged(block, rows, space)
    }
    var original: [InputStatistics?] = []
    if !settings.trueSequential {
      original = work.gatherAll(try staged(block, outputs, space), beside: &fullRun)
      Self.copy(inputs, into: outputs)
    }
    var run = try staged(block, outputs, space)
    for stage in BlockStage.allCases {
      try progress.report(stage.rawValue, of: BlockStage.allCases.count)
      let statistics =
        settings.trueSequential
        ? work.gather(stage, of: run, beside: fullRun) : original[stage.rawValue]
      if !settings.trueSequential { original[stage.rawValue] = nil }
      let weights = try work.solve(stage, statistics: consume statistics)
      work.commit(stage, weights: weights, in: &run)
      if settings.trueSequential { work.commitFull(stage, in: &fullRun) }
    }
    return (work.finish(), outputs, fullOutputs)
  }

  /// The outputs of a block that is already compressed, or of a block of the uncompressed model,
  /// bit for bit those of `compressBlock`.
  package func outputs(
    of block: Block, inputs: [Tensor], set: Int = 1, _ stream: Stream = .compressed
  ) throws(Failure) -> [Tensor] {
    let space = space(of: inputs, stream)
    let outputs = try copies(of: inputs, space, set: set)
    var run = try staged(block, outputs, space)
    for stage in BlockStage.allCases { run.commit(stage) }
    return outputs
  }

  private func copies(
    of inputs: [Tensor], _ space: ActivationSpace, set: Int
  ) throws(Failure) -> [Tensor] {
    var outputs: [Tensor] = []
    for index in inputs.indices { outputs.append(try space.residual(index, set: set)) }
    Self.copy(inputs, into: outputs)
    return outputs
  }

  private static func copy(_ inputs: [Tensor], into outputs: [Tensor]) {
    for (input, output) in zip(inputs, outputs) {
      output.copy(from: input)
      input.release()
      output.release()
    }
  }

  private func staged(
    _ block: Block, _ chunks: [Tensor], _ space: ActivationSpace
  ) throws(Failure) -> StagedBlock {
    try StagedBlock(block, chunks: chunks, length: sequenceLength, space: space)
  }
}
