import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics

/// The state of one block's compression. It goes stage by stage through statistics, solving and
/// forward pass, and times each.
struct BlockWork {
  private let block: Block
  private let settings: CompressionSettings
  private var tensors: [CompressedTensor] = []
  private var seconds = CompressedBlock.Seconds()

  init(block: Block, settings: CompressionSettings) {
    self.block = block
    self.settings = settings
  }

  /// The statistics of a stage's input; nil if none of its layers needs them.
  ///
  /// - Parameter full: the uncompressed block at the same stage, with the same chunks.
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

  /// The statistics of every stage's input in the uncompressed block. Runs all stages of `run` and
  /// `full`.
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

  /// Compresses a stage's layers. The forward pass continues with the stored form, so that later
  /// layers see exactly what a reader of the bundle will compute.
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

  /// Batches of layers that are solved in parallel: small layers together, to keep all cores busy;
  /// large layers alone, so that only one has working copies in memory. Results don't depend on the
  /// batches.
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

  /// The maximum number of weights per batch, unless one matrix has more.
  private static let weightsAtOnce = 1 << 24

  /// Replaces a stage's weights and runs it.
  mutating func commit(
    _ stage: BlockStage, weights: [LinearName: Weight] = [:], in run: inout StagedBlock
  ) {
    let start = ContinuousClock.now
    run.commit(stage, weights: weights)
    seconds.forward += Self.seconds(since: start)
  }

  /// Runs a stage of the uncompressed block, if it runs alongside.
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
