import Bytes
import Checkpoints
import Models
import Numerics

extension BlockCompressor {
  /// Rates every candidate for each linear layer of a block by its size and its output error.
  /// Inputs come from uncompressed blocks, so no candidate corrects for drift.
  ///
  /// - Parameters:
  ///   - inputs: the block's inputs, from `inputs(for:of:)`; overwritten with those of the next
  ///     block.
  ///   - progress: receives the number of sets of layers done, before each set.
  /// - Returns: the ratings by weight key, in order of execution, and the block compressed with the
  ///   settings that it has without an allocation.
  package func rateBlock(
    _ index: Int, of model: LanguageModel, inputs: [Tensor],
    progress: ProgressHandler = .none
  ) throws(Failure) -> (
    layers: [(tensor: String, ratings: [CandidateRating])], compressed: Block
  ) {
    let block = try model.block(index)
    let configuration = block.configuration
    var run = try StagedBlock(
      block, chunks: inputs, length: sequenceLength, space: space(of: inputs))
    var compressed = block
    var rated: [(tensor: String, ratings: [CandidateRating])] = []
    for stage in BlockStage.allCases {
      try progress.report(stage.rawValue, of: BlockStage.allCases.count)
      let linears = configuration.linears(of: stage).map { name in
        (name: name, key: configuration.keys.weight(of: name, block: index))
      }.filter { settings.settings(for: $0.key).compresses }
      if let first = linears.first {
        var hessian = Hessian(columns: configuration.shape(of: first.name).columns)
        for chunk in run.chunks {
          hessian.add(run.inputs(of: stage, chunk: chunk))
          run.release(chunk)
        }
        run.releaseScratch()
        var factors = FactorCache()
        var drift: InputDrift?
        for (name, key) in linears {
          let weight = block[name].weight.dense()
          var ratings: [CandidateRating] = []
          let base = settings.settings(for: key)
          for candidate in Allocation.candidates(around: base) {
            let matrix = WeightMatrix(name: key, weight: weight, settings: candidate)
            let solved = try LayerSolver.solve(
              [matrix], hessian: hessian, drift: &drift, &factors)[0]
            let stored = try solved.stored()
            if candidate == base { compressed[name].weight = try Weight(stored) }
            ratings.append(
              CandidateRating(
                settings: candidate, bytes: stored.bytes,
                error: solved.ledger.relativeOutputError ?? 0))
          }
          rated.append((key, ratings))
        }
      }
      run.commit(stage)
    }
    return (rated, compressed)
  }
}
