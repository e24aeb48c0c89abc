import Numerics
import Routing
import TestSupport
import Testing

/// Weighted ridge regression against its normal equations in float64.
@Suite struct WeightedRidgeTests {
  /// Rows [count, features] with features of very different scales and means, the last nearly a
  /// copy of the first.
  private func rows(_ count: Int, _ features: Int, _ random: inout TestRandom) -> Tensor {
    let x = Tensor([count, features], random.floats(count * features))
    for row in 0..<count {
      for feature in 0..<features {
        x[row, feature] = x[row, feature] * Float(feature * feature + 1) + 3 * Float(feature)
      }
      x[row, features - 1] = x[row, 0] + 0.1 * x[row, features - 1] / Float(features * features)
    }
    return x
  }

  /// The regression of all rows, added in `parts` parts and scaled by the first half of the rows.
  private func fit(
    _ x: Tensor, _ weights: [Float], _ y: [Float], parts: Int
  ) -> WeightedRidge {
    let fit = WeightedRidge(WeightedRidge.Scale(of: x.rows(0..<x.rows / 2)))
    for part in 0..<parts {
      let some = part * x.rows / parts..<(part + 1) * x.rows / parts
      fit.add(x.rows(some), weights: Array(weights[some]), y: Array(y[some]))
    }
    return fit
  }

  /// Random weights that sum to 1, none of them far below the others.
  private func weights(_ count: Int, _ random: inout TestRandom) -> [Float] {
    let raw = random.floats(count).map { $0 * $0 + 0.01 }
    let total = raw.reduce(0, +)
    return raw.map { $0 / total }
  }

  /// The normal equations in float64 over rows z = [(x − mean)·inverse, 1]·√w, with the fit's means
  /// and deviations, and the sums of their terms' absolute values.
  ///
  /// The fit sums the terms in float32: a term z·z is rounded eleven times (z by a difference, two
  /// products and a root; y by a root and a product) and once per addition, so that a sum is off by
  /// at most γ₍ᵣₒᵥₛ₊₁₂₎ times its terms' absolute values, and by the rounding of y if the test
  /// computes it.
  private struct NormalEquations {
    let size: Int
    var gram: [Double]
    var products: [Double]
    var squares = 0.0
    var gramSizes: [Double]
    var productSizes: [Double]
    var inverses: [Double] = []
    let gamma: Double

    init(_ x: Tensor, _ weights: [Float], _ y: [Float]) {
      let features = x.columns
      size = features + 1
      gamma = Rounding.gamma(x.rows + 12)
      gram = [Double](repeating: 0, count: size * size)
      products = [Double](repeating: 0, count: size)
      (gramSizes, productSizes) = (gram, products)
      var means: [Double] = []
      for feature in 0..<features {
        let sample = (0..<x.rows / 2).map { Double(x[$0, feature]) }
        let mean = sample.reduce(0, +) / Double(sample.count)
        let variance = sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sample.count)
        means.append(Double(Float(mean)))
        inverses.append(Double(Float(1 / variance.squareRoot())))
      }
      for row in 0..<x.rows {
        let root = Double(weights[row]).squareRoot()
        let z =
          (0..<features).map { (Double(x[row, $0]) - means[$0]) * inverses[$0] * root } + [root]
        let target = root * Double(y[row])
        squares += target * target
        for i in 0..<size {
          products[i] += z[i] * target
          productSizes[i] += abs(z[i] * target)
          for j in 0..<size {
            gram[i * size + j] += z[i] * z[j]
            gramSizes[i * size + j] += abs(z[i] * z[j])
          }
        }
      }
    }

    /// Bounds |ΔG|·|k| + |Δb| on each equation's rounding error at the solution k.
    func errors(at k: [Double]) -> [Double] {
      (0..<size).map { i in
        gamma
          * ((0..<size).reduce(productSizes[i]) { $0 + gramSizes[i * size + $1] * abs(k[$1]) })
      }
    }

    /// Inverse of the damped matrix, by Gauss–Jordan elimination.
    func inverse(damping: Double) -> [Double] {
      let n = size
      var (a, inverse) = (gram, [Double](repeating: 0, count: n * n))
      for i in 0..<n {
        if i < n - 1 { a[i * n + i] += damping }
        inverse[i * n + i] = 1
      }
      for i in 0..<n {
        let pivot = a[i * n + i]
        for j in 0..<n {
          a[i * n + j] /= pivot
          inverse[i * n + j] /= pivot
        }
        for row in 0..<n where row != i {
          let share = a[row * n + i]
          for j in 0..<n {
            a[row * n + j] -= share * a[i * n + j]
            inverse[row * n + j] -= share * inverse[i * n + j]
          }
        }
      }
      return inverse
    }
  }

  /// If y is a linear combination of the features and a constant, the fit finds it whatever the
  /// weights.
  ///
  /// An error e of the equations moves the solution by at most |A⁻¹|·e, or twice that if e depends
  /// on the solution (|A⁻¹|·|ΔG| is far below ½ here). The damping adds an error of damping·k.
  @Test(arguments: [1, 7]) func findsAnExactLinearCombination(parts: Int) throws {
    var random = TestRandom("\(parts)")
    let (x, features, damping) = (rows(300, 9, &random), 9, 1e-7)
    let truth = (0..<features).map { 0.5 - 0.2 * Double($0) }
    let y = (0..<300).map { row in
      Float(2 + truth.indices.reduce(0.0) { $0 + truth[$1] * Double(x[row, $1]) })
    }
    let weights = weights(300, &random)
    let solution = try #require(fit(x, weights, y, parts: parts).solve(damping: damping))
    let equations = NormalEquations(x, weights, y)
    let mean = zip(weights, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let scaled = (0..<features).map { truth[$0] / equations.inverses[$0] } + [mean]
    let errors = zip(equations.errors(at: scaled), scaled).map { $0 + damping * abs($1) }
    let inverse = equations.inverse(damping: damping)
    let n = equations.size
    let bounds = (0..<n).map { i in
      2 * (0..<n).reduce(0.0) { $0 + abs(inverse[i * n + $1]) * errors[$1] }
    }
    for feature in 0..<features {
      let bound = bounds[feature] * equations.inverses[feature]
      #expect(
        abs(solution.coefficients[feature] - truth[feature]) <= bound,
        "feature \(feature): \(solution.coefficients), within \(bound), \(random.note)")
    }
    let missed = try self.missed(solution, x, weights, y)
    #expect(missed.share <= missed.bound, "\(random.note)")
    #expect(1 - solution.explained <= missed.bound, "\(random.note)")
  }

  /// Share of the variance that a solution leaves, by its definition in float64, and a bound on the
  /// error of the fit's own figure, Σwy² − 2k·b + k·G·k from float32 sums.
  private func missed(
    _ solution: WeightedRidge.Solution, _ x: Tensor, _ weights: [Float], _ y: [Float]
  ) throws -> (share: Double, bound: Double) {
    let equations = NormalEquations(x, weights, y)
    let (n, features) = (equations.size, x.columns)
    let mean = zip(weights, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let variance = equations.squares - mean * mean
    var left = 0.0
    for row in 0..<x.rows {
      var missed = Double(y[row]) - solution.intercept
      for feature in 0..<features {
        missed -= solution.coefficients[feature] * Double(x[row, feature])
      }
      left += Double(weights[row]) * missed * missed
    }
    // For standardised features the constant is at most the intercept plus the coefficients times
    // the features' means, in absolute values.
    var constant = abs(solution.intercept)
    var k: [Double] = []
    for feature in 0..<features {
      let coefficient = abs(solution.coefficients[feature])
      k.append(coefficient / equations.inverses[feature])
      let mean = (0..<x.rows / 2).reduce(0.0) { $0 + Double(abs(x[$1, feature])) }
      constant += coefficient * mean / Double(x.rows / 2)
    }
    k.append(constant)
    var sizes = equations.squares
    for i in 0..<n {
      sizes += 2 * k[i] * equations.productSizes[i]
      for j in 0..<n { sizes += k[i] * equations.gramSizes[i * n + j] * k[j] }
    }
    return (left / variance, 2 * equations.gamma * sizes / variance)
  }

  /// At the solution the objective's gradient is zero within rounding, and the explained share is
  /// correct.
  @Test func solutionIsTheMinimum() throws {
    var random = TestRandom()
    let (count, features, damping) = (200, 6, 0.01)
    let x = rows(count, features, &random)
    let y = random.floats(count)
    let weights = weights(count, &random)
    let solution = try #require(fit(x, weights, y, parts: 3).solve(damping: damping))
    let left = (0..<count).map { row -> Double in
      (0..<features).reduce(Double(y[row]) - solution.intercept) {
        $0 - solution.coefficients[$1] * Double(x[row, $1])
      }
    }
    let equations = NormalEquations(x, weights, y)
    let mean = (0..<features).map { feature -> Double in
      let sum = (0..<count / 2).reduce(0.0) { $0 + Double(x[$1, feature]) }
      return Double(Float(sum / Double(count / 2)))
    }
    // The solution for standardised features.
    let own = (0..<features).map { solution.coefficients[$0] / equations.inverses[$0] }
    let constant = (0..<features).reduce(solution.intercept) {
      $0 + solution.coefficients[$1] * mean[$1]
    }
    let errors = equations.errors(at: own + [constant])
    let pull = zip(weights, left).reduce(0.0) { $0 + Double($1.0) * $1.1 }
    #expect(abs(pull) <= 2 * errors[features], "the intercept isn't damped, \(random.note)")
    for feature in 0..<features {
      let gradient = (0..<count).reduce(0.0) {
        let z = (Double(x[$1, feature]) - mean[feature]) * equations.inverses[feature]
        return $0 + Double(weights[$1]) * left[$1] * z
      }
      // Doubled for the residual error of the solve itself.
      #expect(
        abs(gradient - damping * own[feature]) <= 2 * errors[feature],
        "feature \(feature), \(random.note)")
    }
    let missed = try missed(solution, x, weights, y)
    #expect(abs(solution.explained - (1 - missed.share)) <= missed.bound, "\(random.note)")
  }

  /// A constant feature gets a coefficient near 0 and doesn't disturb the others.
  ///
  /// A damping of 10⁻⁴ shrinks the coefficient 2 by the fraction 10⁻⁴/(g + 10⁻⁴), with g the ratio
  /// of the feature's variance to that in the sample, which is above 0.05 on this fixture. Rounding
  /// adds γ₆₂ = 4·10⁻⁶ of numbers of that size.
  @Test func constantFeaturesDoNotDisturbTheFit() throws {
    var random = TestRandom(fixture: 81)
    let x = Tensor([50, 3], random.floats(150))
    for row in 0..<50 { x[row, 1] = 1.7 }
    let y = (0..<50).map { 2 * x[$0, 0] }
    let solution = try #require(
      fit(x, [Float](repeating: 0.02, count: 50), y, parts: 1).solve(damping: 1e-4))
    #expect(
      abs(solution.coefficients[0] - 2) < 1e-2 && abs(solution.coefficients[1]) < 1e-2
        && abs(solution.intercept) < 1e-2)
  }

  @Test func nonFiniteValuesHaveNoSolution() {
    let x = Tensor([2, 2], [1, 2, 3, .infinity])
    let fit = WeightedRidge(WeightedRidge.Scale(of: Tensor([2, 2], [1, 2, 3, 4])))
    fit.add(x, weights: [0.5, 0.5], y: [1, 2])
    #expect(fit.solve(damping: 1e-4) == nil)
  }
}
