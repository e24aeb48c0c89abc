import Bytes
import Models
import Numerics

extension BlockCompressor {
  /// What enters a block in the uncompressed model.
  package struct FullInputs {
    package let inputs: [Tensor]
    /// Of the files for what enters the next block.
    package let set: Int

    package init(inputs: [Tensor], set: Int) {
      self.inputs = inputs
      self.set = set
    }
  }

  /// Compresses block `index` of the uncompressed `model`.
  ///
  /// - Parameters:
  ///   - inputs: what enters the block, as `inputs(for:of:)` or the block before returned it; left
  ///     unchanged.
  ///   - set: of the files for what enters the next block; 1 where `inputs` are of set 0, and the
  ///     other way round.
  ///   - full: the same for the uncompressed model; needed where the settings correct for drift.
  ///   - progress: told the sets of layers done, before each.
  /// - Returns: the block, and what enters the next one: behind compressed blocks, and, where `full` was
  ///   given, in the uncompressed model.
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

  /// What leaves a block that is compressed already, or one of the uncompressed model: the same numbers
  /// that `compressBlock` returned.
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
