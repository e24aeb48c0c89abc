import Bytes
import Numerics

/// Ridge regression with a weight for each row and an intercept, over rows that are added in parts:
///
///     min over k, b of  Σ w·(x·k + b − y)² + damping·Σ (sd·k)²     with Σ w = 1
///
/// Features are first standardised to about mean 0 and variance 1, so that the damping's effect
/// doesn't depend on their scale, and sums in float32 suffice.
package final class WeightedRidge {
  /// Means and standard deviations of the features over a sample, used to standardise all rows.
  package struct Scale: Sendable {
    /// Means [F].
    let means: [Float]
    /// 1 / standard deviation [F]; 1 for a feature whose values are all equal.
    let inverses: [Float]

    /// - Parameter sample: rows of F features, at least one row.
    package init(of sample: Tensor) {
      let features = sample.columns
      precondition(sample.rows > 0, "a sample has rows")
      var sums = [Double](repeating: 0, count: features)
      var squares = sums
      let values = sample.values
      for row in 0..<sample.rows {
        for feature in 0..<features {
          let value = Double(values[row * features + feature])
          sums[feature] += value
          squares[feature] += value * value
        }
      }
      var (means, inverses): ([Float], [Float]) = ([], [])
      for feature in 0..<features {
        let mean = sums[feature] / Double(sample.rows)
        let square = squares[feature] / Double(sample.rows)
        let variance = square - mean * mean
        means.append(Float(mean))
        // Equal values have a variance of rounding errors only.
        inverses.append(variance > 1e-9 * square ? Float(1 / variance.squareRoot()) : 1)
      }
      (self.means, self.inverses) = (means, inverses)
    }
  }

  /// A fit, y ≈ x·coefficients + intercept.
  package struct Solution: Sendable {
    /// Coefficients of the features before they were standardised [F].
    package let coefficients: [Double]
    package let intercept: Double
    /// Share of y's weighted variance that the fit explains, 0 ... 1.
    package let explained: Double
  }

  private let scale: Scale
  private let features: Int
  /// Σ w·zᵀz over rows z = [standardised x, 1], [F + 1, F + 1].
  private let gram: Tensor
  /// Σ w·y·z over the same rows z, [1, F + 1].
  private let products: Tensor
  /// Σ w·y².
  private var squares = 0.0

  package init(_ scale: Scale) {
    self.scale = scale
    features = scale.means.count
    gram = Tensor([features + 1, features + 1])
    products = Tensor([1, features + 1])
  }

  /// Adds rows to the regression's sums.
  ///
  /// - Parameters:
  ///   - x: features [rows, F].
  ///   - weights: one per row, 0 or more.
  ///   - y: one per row.
  package func add(_ x: Tensor, weights: [Float], y: [Float]) {
    precondition(
      x.columns == features && weights.count == x.rows && y.count == x.rows,
      "\(x.shape), \(weights.count) weights, \(y.count) values")
    let (features, scale) = (features, scale)
    let z = Tensor(uninitialized: [x.rows, features + 1])
    Parallel.ranges(x.rows, grain: 64) { rows in
      let values = x.rows(rows).values
      var scaled: [Float] = []
      scaled.reserveCapacity(rows.count * (features + 1))
      for (index, row) in rows.enumerated() {
        let root = weights[row].squareRoot()
        for i in 0..<features {
          scaled.append(
            (values[index * features + i] - scale.means[i]) * scale.inverses[i] * root)
        }
        scaled.append(root)
      }
      z.rows(rows).copy(from: scaled)
    }
    MatMul.gram(z, into: gram, scale: 1, keep: 1)
    let weighted = Tensor([1, x.rows], zip(weights, y).map { $0.squareRoot() * $1 })
    MatMul.multiply(weighted, z, into: products, beta: 1)
    squares += Vector.sumOfSquares(weighted)
  }

  /// Solves for the coefficients and the intercept.
  ///
  /// - Parameter damping: added to the standardised features' variances, which are about 1.
  /// - Returns: nil if values aren't finite, or the rows added are too few for this damping.
  package func solve(damping: Double) -> Solution? {
    let size = features + 1
    // The intercept, which is last, isn't damped.
    let diagonal = (0..<size).map { gram[$0, $0] + ($0 < features ? Float(damping) : 0) }
    guard Vector.isFinite(products),
      let factor = Cholesky.inverseUpperFactor(
        gram, order: Array(0..<Int32(size)), diagonal: diagonal)
    else { return nil }
    let (matrix, inverse) = (gram.values, factor.values)
    let b = products.values.map(Double.init)
    var k = [Double](repeating: 0, count: size)
    // Iterative refinement: the rounds after the first remove the error of the float32 factor.
    for _ in 0..<3 {
      let product = Self.multiply(matrix, diagonal: diagonal, k)
      let step = Self.solve(inverse, zip(b, product).map { $0 - $1 })
      for i in 0..<size { k[i] += step[i] }
    }
    let mean = b[features]
    let fitted = zip(k, Self.multiply(matrix, diagonal: nil, k)).reduce(0) { $0 + $1.0 * $1.1 }
    let missed = squares - 2 * zip(k, b).reduce(0) { $0 + $1.0 * $1.1 } + fitted
    let variance = squares - mean * mean
    let coefficients = (0..<features).map { k[$0] * Double(scale.inverses[$0]) }
    let shift = coefficients.indices.reduce(0) { $0 + coefficients[$1] * Double(scale.means[$1]) }
    return Solution(
      coefficients: coefficients, intercept: k[features] - shift,
      explained: variance > 0 ? min(1, max(0, 1 - missed / variance)) : 0)
  }

  /// The product of a symmetric row-major matrix and k, with `diagonal` instead of the matrix's own
  /// unless nil.
  private static func multiply(_ matrix: [Float], diagonal: [Float]?, _ k: [Double]) -> [Double] {
    k.indices.map { row in
      var sum = 0.0
      for column in k.indices { sum += Double(matrix[row * k.count + column]) * k[column] }
      guard let diagonal else { return sum }
      return sum + Double(diagonal[row] - matrix[row * k.count + row]) * k[row]
    }
  }

  /// Uᵀ·(U·b) for an upper triangular row-major matrix U.
  private static func solve(_ u: [Float], _ b: [Double]) -> [Double] {
    let size = b.count
    var inner = [Double](repeating: 0, count: size)
    for row in 0..<size {
      for column in row..<size { inner[row] += Double(u[row * size + column]) * b[column] }
    }
    var result = [Double](repeating: 0, count: size)
    for row in 0..<size {
      for column in row..<size { result[column] += Double(u[row * size + column]) * inner[row] }
    }
    return result
  }
}
