import Bundle
import Bytes
import Numerics

/// A weight matrix on its way to the solver.
public struct WeightMatrix: Sendable {
  /// The checkpoint's key, `model.layers.0.self_attn.q_proj.weight`.
  public let name: String
  /// [out, in] f32.
  public let weight: Tensor
  public let settings: TensorSettings

  public init(name: String, weight: Tensor, settings: TensorSettings) {
    self.name = name
    self.weight = weight
    self.settings = settings
  }
}

/// A weight matrix with its codes, and what it took to find them.
public struct SolvedTensor: Sendable {
  public let quantized: QuantizedTensor
  /// [out, in] f32: exactly what the codes decode to.
  public let restored: Tensor
  public let ledger: LayerLedger
  public let events: [EventRecord]
}

/// Quantizes weight matrices: GPTQ (arXiv 2210.17323) and round-to-nearest, on the same grids.
///
/// Scales are rounded to f16 before the first weight is quantized, so that what is solved is
/// exactly what decodes. Rows are independent given H, so results don't depend on the number of
/// threads.
public enum LayerSolver {
  /// Solves matrices that read the same input, and so share `hessian`.
  ///
  /// - Parameter hessian: [in, in] of that input; needed by GPTQ only.
  /// - Throws: `Failure(.usage)` for impossible settings, `Failure(.invalidData)` naming the tensor
  ///   for values that aren't finite.
  public static func solve(
    _ matrices: [WeightMatrix], hessian: Hessian?
  ) throws(Failure) -> [SolvedTensor] {
    let inputs = matrices.map(\.name).joined(separator: ", ")
    var factored: [FactorKey: FactoredHessian] = [:]
    var prepared: [PreparedMatrix] = []
    for matrix in matrices {
      try check(matrix, hessian: hessian)
      var factor: FactoredHessian?
      if matrix.settings.method == .gptq, let hessian {
        let key = FactorKey(actOrder: matrix.settings.actOrder, damping: matrix.settings.damping)
        if factored[key] == nil {
          factored[key] = try FactoredHessian(
            hessian, actOrder: key.actOrder, damping: key.damping, name: inputs)
        }
        factor = factored[key]
      }
      prepared.append(try PreparedMatrix(matrix, factor: factor, diagonal: hessian?.diagonal))
    }
    let solutions = GPTQKernel.solve(prepared.map(\.job))
    var solved: [SolvedTensor] = []
    for (matrix, solution) in zip(prepared, solutions) {
      solved.append(try matrix.finish(solution, hessian: hessian))
    }
    return solved
  }

  private struct FactorKey: Hashable {
    let actOrder: Bool
    let damping: Double
  }

  private static func check(_ matrix: WeightMatrix, hessian: Hessian?) throws(Failure) {
    let weight = matrix.weight
    let columns = weight.columns
    guard weight.shape.count == 2, weight.rows > 0, columns > 0 else {
      throw Failure(
        .invalidData, at: matrix.name, "a weight of shape \(weight.shape) isn't a matrix")
    }
    try matrix.settings.validate(columns: columns, tensor: matrix.name)
    let needsStatistics =
      matrix.settings.method == .gptq || matrix.settings.grid.rangeSearch == .weighted
    guard let hessian else {
      if needsStatistics {
        throw Failure(.usage, at: matrix.name, "GPTQ needs calibration statistics")
      }
      return try checkFinite(matrix)
    }
    guard hessian.columns == columns else {
      throw Failure(
        .invalidData, at: matrix.name,
        "the calibration statistics have \(hessian.columns) inputs, the weight has \(columns)")
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
