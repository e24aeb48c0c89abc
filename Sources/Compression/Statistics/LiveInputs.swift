import Bytes

/// Which of a layer's inputs are ever anything but 0, and how large they are.
struct LiveInputs {
  /// Columns whose input never was anything but 0, ascending.
  let dead: [Int]
  /// The mean of H's diagonal over all others, which damping is a share of. > 0
  let mean: Double

  /// - Parameter name: the tensor(s) concerned, for the sentence of a failure.
  /// - Throws: `Failure(.invalidData)` for values that aren't finite, for a diagonal that no sum of
  ///   squares has, and where all inputs are dead.
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
        "column \(column) of the calibration statistics has the mean square \(diagonal[column])")
    }
    dead = diagonal.indices.filter { diagonal[$0] == 0 }
    guard dead.count < k else {
      throw Failure(
        .invalidData, at: name, "all \(k) inputs are 0 in the whole calibration text",
        advice: "the model or the text is broken before this layer")
    }
    var sum = 0.0
    for value in diagonal { sum += Double(value) }
    mean = sum / Double(k - dead.count)
  }
}
