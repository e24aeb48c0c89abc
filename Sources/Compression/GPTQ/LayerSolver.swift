import BundleFormat
import Bytes
import Numerics

/// Quantization and pruning of weight matrices: GPTQ (arXiv 2210.17323), SparseGPT (arXiv
/// 2301.00774), and the baselines on the same grids.
///
/// Scales are rounded to f16 before the first weight is quantized, so that the solved weights are
/// exactly the decoded ones. Rows are independent given H, so results don't depend on the number of
/// threads.
package enum LayerSolver {
  /// Compresses matrices that read the same input and so share `hessian`.
  ///
  /// - Parameters:
  ///   - hessian: the input's second moment [in, in]; required if any settings need statistics.
  ///   - drift: the input's drift [in, in]; required if any settings correct for it.
  /// - Throws: `Failure(.usage)` for settings that a matrix can't have, `Failure(.invalidData)`
  ///   naming the tensor for values that aren't finite.
  package static func solve(
    _ matrices: [WeightMatrix], hessian: Hessian?, drift: InputDrift? = nil
  ) throws(Failure) -> [SolvedTensor] {
    var factors = FactorCache()
    var drift = drift
    return try solve(matrices, hessian: hessian, drift: &drift, &factors)
  }

  /// Compresses some of the matrices that share `hessian`, with the factors that earlier calls
  /// cached.
  ///
  /// - Parameters:
  ///   - drift: set to nil once the last weights are corrected, because it is as large as H.
  ///   - areLast: whether no later call needs the drift.
  static func solve(
    _ matrices: [WeightMatrix], hessian: Hessian?, drift: inout InputDrift?, areLast: Bool = true,
    _ factors: inout FactorCache
  ) throws(Failure) -> [SolvedTensor] {
    let inputs = matrices.map(\.name).joined(separator: ", ")
    var prepared: [PreparedMatrix] = []
    for matrix in matrices {
      try check(matrix, hessian: hessian)
      // Checked for Wanda too, which needs no factor but would choose masks by damaged statistics.
      var checked: HessianDiagonal?
      if matrix.settings.needsStatistics, let hessian {
        checked = try factors.diagonal(of: hessian, name: inputs)
      }
      var factor: FactoredHessian?
      var quantizing: FactoredHessian?
      if matrix.settings.method.feedsErrorsForward, let hessian {
        factor = try factors.factor(
          of: hessian, FactorCache.Key(matrix.settings), name: inputs)
        if matrix.settings.prunesFirst {
          quantizing = try factors.factor(
            of: hessian, FactorCache.Key(quantizing: matrix.settings), name: inputs)
        }
      }
      prepared.append(
        try PreparedMatrix(
          matrix, target: try target(of: matrix, hessian, drift, &factors, name: inputs),
          factor: factor, quantizing: quantizing, checked: checked, diagonal: hessian?.diagonal))
    }
    if areLast {
      drift = nil
      factors.dropMaps()
    }
    let solutions = solve(prepared, hessian: hessian)
    var solved: [SolvedTensor] = []
    for (matrix, solution) in zip(prepared, solutions) {
      solved.append(try matrix.finish(solution, hessian: hessian))
    }
    return solved
  }

  /// The weights corrected for the drift of the layer's input; nil without a correction.
  private static func target(
    of matrix: WeightMatrix, _ hessian: Hessian?, _ drift: InputDrift?,
    _ factors: inout FactorCache, name: String
  ) throws(Failure) -> DriftMap.Corrected? {
    guard let correction = matrix.settings.drift, let hessian else { return nil }
    guard let drift, drift.columns == hessian.columns, drift.samples == hessian.samples else {
      throw Failure(
        .internalError, at: matrix.name, "the uncompressed model's inputs weren't gathered")
    }
    if let index = drift.matrix.firstNonFinite {
      throw Failure(
        .invalidData, at: matrix.name, "the drift of its inputs holds \(drift.matrix[index])",
        advice: "look for overflow in the layers before it")
    }
    let key =
      matrix.settings.method.feedsErrorsForward
      ? FactorCache.Key(matrix.settings) : FactorCache.Key(quantizing: matrix.settings)
    let map = try factors.map(of: drift, correction.method, hessian: hessian, key, name: name)
    let stream = correction.method == .block ? drift.stream : nil
    guard stream.map({ $0.rows == matrix.weight.rows }) ?? true else {
      throw Failure(
        .internalError, at: matrix.name,
        "the residual stream's drift has another number of rows than the weight")
    }
    return map.corrected(matrix.weight, stream: stream, strength: correction.strength)
  }

  /// Finds masks, then moves the kept weights to the least-squares optimum, then finds codes.
  /// Without repair steps, one pass finds masks and codes together.
  private static func solve(
    _ prepared: [PreparedMatrix], hessian: Hessian?
  ) -> [GPTQKernel.Solution] {
    var solutions = GPTQKernel.solve(
      prepared.map { matrix in
        var job = matrix.job
        if matrix.matrix.settings.repairSteps > 0 { job.bits = nil }
        return job
      })
    guard let hessian else { return solutions }
    var second: [(index: Int, job: GPTQKernel.Job)] = []
    for (index, matrix) in prepared.enumerated() where matrix.matrix.settings.repairSteps > 0 {
      guard let kept = solutions[index].kept else { continue }
      MaskedLeastSquares.improve(
        solutions[index].restored, towards: matrix.job.weight, kept: kept,
        hessian: hessian.matrix, damping: Float(matrix.damping.value),
        steps: matrix.matrix.settings.repairSteps)
      var job = matrix.job
      guard job.bits != nil else { continue }
      job.weight = solutions[index].restored
      job.factor = matrix.quantizing?.factor
      job.order = matrix.quantizing?.order
      job.pruning = .fixed(kept.map { 1 - $0 })
      second.append((index, job))
    }
    for (result, job) in zip(GPTQKernel.solve(second.map(\.job)), second) {
      solutions[job.index] = result
    }
    return solutions
  }

  private static func check(_ matrix: WeightMatrix, hessian: Hessian?) throws(Failure) {
    let weight = matrix.weight
    let columns = weight.columns
    guard weight.shape.count == 2, weight.rows > 0, columns > 0 else {
      throw Failure(
        .invalidData, at: matrix.name, "a weight of shape \(weight.shape) isn't a matrix")
    }
    try matrix.settings.validate(columns: columns, tensor: matrix.name)
    guard matrix.settings.compresses else {
      throw Failure(.internalError, at: matrix.name, "its settings don't compress it")
    }
    let needsStatistics = matrix.settings.needsStatistics
    guard let hessian else {
      if needsStatistics {
        throw Failure(
          .usage, at: matrix.name, "\(matrix.settings.method.rawValue) needs calibration statistics"
        )
      }
      return try checkFinite(matrix)
    }
    guard hessian.columns == columns else {
      throw Failure(
        .invalidData, at: matrix.name,
        "the calibration statistics have \(hessian.columns) inputs, the weight has \(columns) columns"
      )
    }
    if needsStatistics, hessian.samples == 0 {
      throw Failure(
        .usage, at: matrix.name, "there is no calibration text", advice: "give at least one window")
    }
    try checkFinite(matrix)
  }

  private static func checkFinite(_ matrix: WeightMatrix) throws(Failure) {
    guard let index = matrix.weight.firstNonFinite else { return }
    let columns = matrix.weight.columns
    throw Failure(
      .invalidData, at: matrix.name,
      "weight [\(index / columns), \(index % columns)] is \(matrix.weight[index])",
      advice: "the checkpoint is damaged; fetch it again")
  }
}
