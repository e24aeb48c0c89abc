import Compression
import Numerics
import TestSupport

/// A random layer whose input has drifted from the uncompressed model's.
struct DriftedLayer {
  let weight: Tensor
  /// The layer's inputs in the uncompressed model, [samples, in].
  let full: Tensor
  /// The layer's inputs after compressed layers, [samples, in].
  let inputs: Tensor
  /// The residual stream of the uncompressed model minus that of the compressed one, [samples,
  /// out]: a linear function of the inputs, and noise.
  let missing: Tensor
  let hessian: Hessian
  let drift: InputDrift

  /// - Parameter size: the drift as a share of an input's size; part of it is a linear function of
  ///   the inputs, as after a damaged layer, and the rest is noise.
  init(_ rows: Int, _ columns: Int, size: Double = 0.3, _ random: inout TestRandom) {
    weight = SolverFixtures.weights(rows, columns, &random)
    full = SolverFixtures.inputs(2 * columns + 5, columns, &random)
    let mixing = SolverFixtures.weights(
      columns, columns, scale: size / Double(columns).squareRoot(), &random)
    inputs = full.copy()
    MatMul.multiply(full, mixing, into: inputs, beta: 1)
    for i in 0..<inputs.count { inputs[i] += Float(random.normal() * size / 4) * full[i] }
    missing = Tensor([inputs.rows, rows])
    let leaning = SolverFixtures.weights(rows, columns, scale: 0.05 * size, &random)
    MatMul.multiply(inputs, leaning, into: missing, transposeB: true)
    for i in 0..<missing.count { missing[i] += Float(random.normal() * 0.05) }
    let stream = SolverFixtures.weights(inputs.rows, rows, scale: 1, &random)
    let fullStream = stream.copy()
    Vector.add(missing, into: fullStream)
    var (hessian, drift) = (
      Hessian(columns: columns), InputDrift(columns: columns, stream: rows)
    )
    // Two chunks, as in calibration.
    let half = columns
    for range in [0..<half, half..<inputs.rows] {
      hessian.add(inputs.rows(range))
      drift.add(
        inputs.rows(range), full: full.rows(range),
        streams: (rows: stream.rows(range), full: fullStream.rows(range)))
    }
    self.hessian = hessian
    self.drift = drift
  }

  func solve(_ settings: TensorSettings) throws -> SolvedTensor {
    try LayerSolver.solve(
      [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian, drift: drift)[
        0]
  }

  /// D [in, in] in float64, by its definition.
  var moment: [Double] {
    moment(inputs.columns) { Double(full[$0, $1]) - Double(inputs[$0, $1]) }
  }

  /// E [out, in] in float64, by its definition.
  var streamMoment: [Double] { moment(missing.columns) { Double(missing[$0, $1]) } }

  private func moment(_ width: Int, of rows: (Int, Int) -> Double) -> [Double] {
    let (m, n) = (inputs.rows, inputs.columns)
    var sum = [Double](repeating: 0, count: width * n)
    for sample in 0..<m {
      for i in 0..<width {
        let value = rows(sample, i)
        for j in 0..<n { sum[i * n + j] += 2 / Double(m) * value * Double(inputs[sample, j]) }
      }
    }
    return sum
  }

  /// v H vᵀ of a row [in] of weights, in float64.
  func outputSize(_ row: [Double]) -> Double {
    let n = row.count
    var sum = 0.0
    for i in 0..<n { for j in 0..<n { sum += row[i] * Double(hessian.matrix[i, j]) * row[j] } }
    return sum
  }

  /// H with its diagonal damped, [in, in], by original column.
  func damped(_ share: Double = 0.01) -> [Double] {
    let n = inputs.columns
    var mean = 0.0
    for value in hessian.diagonal { mean += Double(value) / Double(n) }
    var h = hessian.matrix.values.map(Double.init)
    for i in 0..<n { h[i * n + i] += share * mean }
    return h
  }

  /// The sum of squared differences between the uncompressed layer's output on its own inputs and
  /// the compressed layer's output on drifted inputs.
  ///
  /// - Parameter inStream: compares the residual stream after the layer instead of the layer's
  ///   output.
  func outputError(_ restored: Tensor, inStream: Bool = false) -> Double {
    let (wanted, found) = (Tensor([full.rows, weight.rows]), Tensor([full.rows, weight.rows]))
    MatMul.multiply(full, weight, into: wanted, transposeB: true)
    MatMul.multiply(inputs, restored, into: found, transposeB: true)
    Vector.add(wanted, scaledBy: -1, into: found)
    if inStream { Vector.add(missing, scaledBy: -1, into: found) }
    return Vector.sumOfSquares(found)
  }
}

/// x with A x = b for symmetric positive definite A [n, n], by elimination in float64.
func eliminated(_ a: [Double], _ b: [Double]) -> [Double] {
  let n = b.count
  var (a, x) = (a, b)
  for i in 0..<n {
    for row in i + 1..<max(n, i + 1) {
      let share = a[row * n + i] / a[i * n + i]
      for j in i..<n { a[row * n + j] -= share * a[i * n + j] }
      x[row] -= share * x[i]
    }
  }
  for i in stride(from: n - 1, through: 0, by: -1) {
    for j in i + 1..<max(n, i + 1) { x[i] -= a[i * n + j] * x[j] }
    x[i] /= a[i * n + i]
  }
  return x
}
