import Numerics

/// Ridge regression with a weight for each row and an intercept, over rows that come in parts:
///
///     min over k, b of  Σ w·(x·k + b − y)² + damping·Σ (sd·k)²     with Σ w = 1
///
/// Features are standardised to about mean 0 and variance 1 first, so that the damping means the same
/// whatever their size, and so that sums in float32 suffice.
package final class WeightedRidge {
  /// Means and standard deviations of the features over a sample, by which all rows are standardised.
  package struct Scale: Sendable {
    let means: Tensor
    /// 1 / standard deviation; 1 where all values are the same.
    let inverses: Tensor

    /// - Parameter sample: [rows, F], at least one row.
    package init(of sample: Tensor) {
      let features = sample.columns
      precondition(sample.rows > 0, "a sample has rows")
      var sums = [Double](repeating: 0, count: features)
      var squares = sums
      let values = unsafe sample.pointer
      for row in 0..<sample.rows {
        for feature in 0..<features {
          let value = unsafe Double(values[row * features + feature])
          sums[feature] += value
          squares[feature] += value * value
        }
      }
      (means, inverses) = (Tensor([features]), Tensor([features]))
      for feature in 0..<features {
        let mean = sums[feature] / Double(sample.rows)
        let square = squares[feature] / Double(sample.rows)
        let variance = square - mean * mean
        means[feature] = Float(mean)
        // What is left of equal values is rounding.
        inverses[feature] = variance > 1e-9 * square ? Float(1 / variance.squareRoot()) : 1
      }
    }
  }

  /// y ≈ x·coefficients + intercept.
  package struct Solution: Sendable {
    /// [F]
    package let coefficients: [Double]
    package let intercept: Double
    /// The share of y's weighted variance that this explains, 0 ... 1.
    package let explained: Double
  }

  private let scale: Scale
  private let features: Int
  /// Over rows [scaled x, 1]: Σ w·zzᵀ and Σ w·zy.
  private let gram: Tensor
  private let products: Tensor
  private var squares = 0.0

  package init(_ scale: Scale) {
    self.scale = scale
    features = scale.means.count
    gram = Tensor([features + 1, features + 1])
    products = Tensor([1, features + 1])
  }

  /// - Parameters:
  ///   - x: [rows, F].
  ///   - weights: one per row, 0 or more.
  ///   - y: one per row.
  package func add(_ x: Tensor, weights: [Float], y: [Float]) {
    precondition(
      x.columns == features && weights.count == x.rows && y.count == x.rows,
      "\(x.shape), \(weights.count) weights, \(y.count) values")
    let (features, scale) = (features, scale)
    let z = Tensor(uninitialized: [x.rows, features + 1])
    Parallel.ranges(x.rows, grain: 64) { rows in
      let (means, inverses) = unsafe (scale.means.pointer, scale.inverses.pointer)
      for row in rows {
        let root = weights[row].squareRoot()
        let from = unsafe x.pointer + row * features
        let to = unsafe z.pointer + row * (features + 1)
        for i in 0..<features {
          unsafe to[i] = (from[i] - means[i]) * inverses[i] * root
        }
        unsafe to[features] = root
      }
    }
    MatMul.gram(z, into: gram, scale: 1, keep: 1)
    let weighted = Tensor([1, x.rows], zip(weights, y).map { $0.squareRoot() * $1 })
    MatMul.multiply(weighted, z, into: products, beta: 1)
    squares += Vector.sumOfSquares(weighted)
  }

  /// - Parameter damping: added to the features' variances, which are about 1.
  /// - Returns: nil where values aren't finite, or too little was added for this damping.
  package func solve(damping: Double) -> Solution? {
    let size = features + 1
    // No damping on the intercept, which is the last.
    let diagonal = (0..<size).map { gram[$0, $0] + ($0 < features ? Float(damping) : 0) }
    guard Vector.isFinite(products),
      let factor = Cholesky.inverseUpperFactor(
        gram, order: Array(0..<Int32(size)), diagonal: diagonal)
    else { return nil }
    let b = products.values.map(Double.init)
    var k = [Double](repeating: 0, count: size)
    // Iterative refinement: the factor is kept in float32, and further rounds take off the error that this
    // leaves.
    for _ in 0..<3 {
      let product = Self.multiply(gram, diagonal: diagonal, k)
      let step = Self.solve(factor, zip(b, product).map { $0 - $1 })
      for i in 0..<size { k[i] += step[i] }
    }
    let mean = b[features]
    let fitted = zip(k, Self.multiply(gram, diagonal: nil, k)).reduce(0) { $0 + $1.0 * $1.1 }
    let missed = squares - 2 * zip(k, b).reduce(0) { $0 + $1.0 * $1.1 } + fitted
    let variance = squares - mean * mean
    let coefficients = (0..<features).map { k[$0] * Double(scale.inverses[$0]) }
    let shift = coefficients.indices.reduce(0) { $0 + coefficients[$1] * Double(scale.means[$1]) }
    return Solution(
      coefficients: coefficients, intercept: k[features] - shift,
      explained: variance > 0 ? min(1, max(0, 1 - missed / variance)) : 0)
  }

  /// The symmetric matrix, with another diagonal where one is given, times k.
  private static func multiply(_ matrix: Tensor, diagonal: [Float]?, _ k: [Double]) -> [Double] {
    let values = unsafe matrix.pointer
    return k.indices.map { row in
      var sum = 0.0
      for column in k.indices {
        sum += unsafe Double(values[row * k.count + column]) * k[column]
      }
      guard let diagonal else { return sum }
      return sum + Double(diagonal[row] - matrix[row, row]) * k[row]
    }
  }

  /// Uᵀ·(U·b).
  private static func solve(_ u: Tensor, _ b: [Double]) -> [Double] {
    let size = b.count
    let values = unsafe u.pointer
    var inner = [Double](repeating: 0, count: size)
    for row in 0..<size {
      for column in row..<size {
        inner[row] += unsafe Double(values[row * size + column]) * b[column]
      }
    }
    var result = [Double](repeating: 0, count: size)
    for row in 0..<size {
      for column in row..<size {
        result[column] += unsafe Double(values[row * size + column]) * inner[row]
      }
    }
    return result
  }
}
