import ModelSupport
import Numerics
import Routing
import Testing

@Suite struct WeightedRidgeTests {
  private func normals(_ shape: [Int], _ random: inout SeededGenerator) -> Tensor {
    Tensor(shape, RandomModel.normals(shape.reduce(1, *), 1, &random))
  }

  /// Rows with features of very different sizes and means, some alike.
  private func rows(_ count: Int, _ features: Int, _ random: inout SeededGenerator) -> Tensor {
    let x = normals([count, features], &random)
    for row in 0..<count {
      for feature in 0..<features {
        x[row, feature] = x[row, feature] * Float(feature * feature + 1) + 3 * Float(feature)
      }
      x[row, features - 1] = x[row, 0] + 0.1 * x[row, features - 1] / Float(features * features)
    }
    return x
  }

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

  /// An exact combination of features and a constant is found whatever the weights.
  @Test(arguments: [1, 7]) func findsWhatIsThere(parts: Int) throws {
    var random = SeededGenerator(seed: 1)
    let x = rows(300, 9, &random)
    let truth = (0..<9).map { 0.5 - 0.2 * Double($0) }
    let y = (0..<300).map { row in
      Float(2 + truth.indices.reduce(0.0) { $0 + truth[$1] * Double(x[row, $1]) })
    }
    let raw = normals([300], &random).values.map { $0 * $0 + 0.01 }
    let total = raw.reduce(0, +)
    let solution = try #require(
      fit(x, raw.map { $0 / total }, y, parts: parts).solve(damping: 1e-7))
    for (found, wanted) in zip(solution.coefficients, truth) {
      #expect(abs(found - wanted) < 0.02, "\(solution.coefficients)")
    }
    #expect(abs(solution.intercept - 2) < 0.05)
    #expect(solution.explained > 0.9999)
  }

  /// At the solution the gradient is zero, and `explained` is the share of variance explained.
  @Test func isTheLowestPoint() throws {
    var random = SeededGenerator(seed: 1)
    let (count, features, damping) = (200, 6, 0.01)
    let x = rows(count, features, &random)
    let y = normals([count], &random).values
    let raw = normals([count], &random).values.map { $0 * $0 + 0.01 }
    let total = raw.reduce(0, +)
    let weights = raw.map { $0 / total }
    let solution = try #require(fit(x, weights, y, parts: 3).solve(damping: damping))
    let left = (0..<count).map { row in
      Double(y[row]) - solution.intercept
        - (0..<features).reduce(0.0) { $0 + solution.coefficients[$1] * Double(x[row, $1]) }
    }
    let pull = zip(weights, left).reduce(0.0) { $0 + Double($1.0) * $1.1 }
    #expect(abs(pull) < 1e-4, "the intercept isn't damped")
    for feature in 0..<features {
      // Deviations over the sample by which the features were standardised.
      let sample = (0..<count / 2).map { Double(x[$0, feature]) }
      let mean = sample.reduce(0, +) / Double(sample.count)
      let variance = sample.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sample.count)
      let gradient = (0..<count).reduce(0.0) {
        $0 + Double(weights[$1]) * left[$1] * Double(x[$1, feature])
      }
      let wanted = damping * variance * solution.coefficients[feature]
      let deviation = variance.squareRoot()
      #expect(abs(gradient - wanted) < 2e-3 * deviation, "feature \(feature)")
    }
    let mean = zip(weights, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let variance = zip(weights, y).reduce(0.0) {
      $0 + Double($1.0) * (Double($1.1) - mean) * (Double($1.1) - mean)
    }
    let missed = zip(weights, left).reduce(0.0) { $0 + Double($1.0) * $1.1 * $1.1 }
    #expect(abs(solution.explained - (1 - missed / variance)) < 1e-3)
  }

  /// A feature that never changes gets no weight.
  @Test func constantFeaturesAreNoTrouble() throws {
    var random = SeededGenerator(seed: 1)
    let x = normals([50, 3], &random)
    for row in 0..<50 { x[row, 1] = 1.7 }
    let y = (0..<50).map { 2 * x[$0, 0] }
    let solution = try #require(
      fit(x, [Float](repeating: 0.02, count: 50), y, parts: 1).solve(damping: 1e-4))
    #expect(abs(solution.coefficients[0] - 2) < 1e-2 && abs(solution.coefficients[1]) < 1e-2)
    #expect(abs(solution.intercept) < 1e-2)
  }

  @Test func whatIsNotFiniteHasNoSolution() {
    let x = Tensor([2, 2], [1, 2, 3, .infinity])
    let fit = WeightedRidge(WeightedRidge.Scale(of: Tensor([2, 2], [1, 2, 3, 4])))
    fit.add(x, weights: [0.5, 0.5], y: [1, 2])
    #expect(fit.solve(damping: 1e-4) == nil)
  }
}
