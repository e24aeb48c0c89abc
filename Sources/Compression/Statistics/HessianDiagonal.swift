import Bytes

/// H's diagonal, checked: the dead columns and the mean of the live ones.
struct HessianDiagonal {
  /// Columns whose input is 0 in the whole calibration text, ascending.
  let deadColumns: [Int]
  /// The mean of H_cc over the live columns, above 0; the unit of damping.
  let liveMean: Double

  /// - Parameter name: the tensors that read this input, for error messages.
  /// - Throws: `Failure(.invalidData)` for values that aren't finite, for a negative H_cc, and if
  ///   all columns are dead.
  init(_ hessian: Hessian, name: String) throws(Failure) {
    let k = hessian.columns
    if let index = hessian.matrix.firstNonFinite {
      throw Failure(
        .invalidData, at: name,
        "the calibration statistics hold \(hessian.matrix[index]) at [\(index / k), \(index % k)]",
        advice: "look for overflow in the layers before it")
    }
    let diagonal = hessian.diagonal
    if let column = diagonal.firstIndex(where: { $0 < 0 }) {
      throw Failure(
        .invalidData, at: name,
        "column \(column) of the calibration statistics has a negative mean square, \(diagonal[column])"
      )
    }
    deadColumns = diagonal.indices.filter { diagonal[$0] == 0 }
    guard deadColumns.count < k else {
      throw Failure(
        .invalidData, at: name, "all \(k) inputs are 0 in the whole calibration text",
        advice: "the model or the text is broken before this layer")
    }
    var sum = 0.0
    for value in diagonal { sum += Double(value) }
    liveMean = sum / Double(k - deadColumns.count)
  }
}
