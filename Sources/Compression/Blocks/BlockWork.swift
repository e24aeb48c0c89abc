import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics

/// The compression of one block stage by stage: statistics, solving, forward pass, each with its time.
struct BlockWork {
  private let block: Block
  private let settings: CompressionSettings
  private var tensors: [CompressedTensor] = []
  private var seconds = CompressedBlock.Seconds()

  init(block: Block, settings: CompressionSettings) {
    self.block = block
    self.settings = settings
  }

  /// The statistics of a stage's input; nil where none of its layers needs them.
  ///
  /// - Parameter full: the uncompressed model's block at the same stage, chunk for chunk.
  mutating func gather(
    _ stage: BlockStage, of run: StagedBlock, beside full: StagedBlock?
  ) -> InputStatistics? {
    let linears = block.configuration.linears(of: stage)
    guard linears.contains(where: { settings(of: $0).needsStatistics }) else { return nil }
    let start = ContinuousClock.now
    let columns = block.configuration.shape(of: linears[0]).columns
    let corrections = linears.map { settings(of: $0) }.filter(\.compresses).compactMap(\.drift)
    let full = corrections.isEmpty ? nil : full
    let watchesStream =
      stage.addsToStream && corrections.contains { $0.method == .block }
    var statistics = InputStatistics(hessian: Hessian(columns: columns))
    if full != nil {
      statistics.drift = InputDrift(
        columns: columns, stream: watchesStream ? block.configuration.hiddenSize : nil)
    }
    for chunk in run.chunks {
      let inputs = run.inputs(of: stage, chunk: chunk)
      statistics.hessian.add(inputs)
      if let full {
        statistics.drift?.add(
          inputs, full: full.inputs(of: stage, chunk: chunk),
          streams: watchesStream
            ? (rows: run.stream(chunk: chunk), full: full.stream(chunk: chunk)) : nil)
      }
      run.release(chunk)
      full?.release(chunk)
    }
    run.releaseScratch()
    full?.releaseScratch()
    seconds.statistics += Self.seconds(since: start)
    return statistics
  }

  /// The statistics of every stage's input in the uncompressed block. `run` and `full` go through all
  /// stages.
  mutating func gatherAll(
    _ run: consuming StagedBlock, beside full: inout StagedBlock?
  ) -> [InputStatistics?] {
    var run = run
    var statistics: [InputStatistics?] = []
    for stage in BlockStage.allCases {
      statistics.append(gather(stage, of: run, beside: full))
      commit(stage, in: &run)
      commitFull(stage, in: &full)
    }
    return statistics
  }

  /// Compresses a stage's layers. The stored form is what the forward pass goes on with, so that
  /// later layers see exactly what a reader of the bundle will compute.
  mutating func solve(
    _ stage: BlockStage, statistics: consuming InputStatistics?
  ) throws(Failure) -> [LinearName: Weight] {
    let start = ContinuousClock.now
    let hessian = statistics?.hessian
    var drift = statistics?.drift
    statistics = nil
    let linears = block.configuration.linears(of: stage).filter { settings(of: $0).compresses }
    var weights: [LinearName: Weight] = [:]
    var factors = FactorCache()
    let batches = batches(of: linears)
    for (index, together) in batches.enumerated() {
      let matrices = together.map { name in
        WeightMatrix(
          name: key(of: name), weight: block[name].weight.dense(), settings: settings(of: name))
      }
      let solved = try LayerSolver.solve(
        matrices, hessian: hessian, drift: &drift, areLast: index == batches.count - 1, &factors)
      for (name, result) in zip(together, solved) {
        let tensor = try CompressedTensor(result)
        weights[name] = try Weight(tensor.stored)
        tensors.append(tensor)
      }
    }
    seconds.solving += Self.seconds(since: start)
    return weights
  }

  /// The layers in groups that are solved side by side: small ones together, so that all cores have work
  /// to the end; large ones alone, so that the working copies of only one are in memory. Results don't
  /// depend on it.
  private func batches(of linears: [LinearName]) -> [[LinearName]] {
    var batches: [[LinearName]] = []
    var room = 0
    for name in linears {
      let shape = block.configuration.shape(of: name)
      let count = shape.rows * shape.columns
      if count > room {
        batches.append([])
        room = Self.weightsAtOnce
      }
      batches[batches.count - 1].append(name)
      room -= count
    }
    return batches
  }

  /// Weights that are solved side by side, unless one matrix has more.
  private static let weightsAtOnce = 1 << 24

  /// Replaces a stage's weights and runs it.
  mutating func commit(
    _ stage: BlockStage, weights: [LinearName: Weight] = [:], in run: inout StagedBlock
  ) {
    let start = ContinuousClock.now
    run.commit(stage, weights: weights)
    seconds.forward += Self.seconds(since: start)
  }

  /// Runs the stage of the uncompressed model, if that runs beside.
  mutating func commitFull(_ stage: BlockStage, in run: inout StagedBlock?) {
    let start = ContinuousClock.now
    run?.commit(stage)
    seconds.forward += Self.seconds(since: start)
  }

  func finish() -> CompressedBlock {
    CompressedBlock(index: block.index, tensors: tensors, seconds: seconds)
  }

  private func settings(of name: LinearName) -> TensorSettings {
    settings.settings(for: key(of: name))
  }

  private func key(of name: LinearName) -> String {
    block.configuration.keys.weight(of: name, block: block.index)
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .seconds(1)
  }
}
