import Compression
import TestSupport

/// A reference implementation of GPTQ (arXiv 2210.17323, Algorithm 1) in float64, one row at a
/// time, with bounds on how far the same loop in float32 can be from it. `LayerSolver` is tested
/// against it.
package struct ReferenceSolver {
  package var bits: Int
  package var groupWidth: Int
  package var symmetric: Bool
  package var staticGroups: Bool
  package var search: RangeSearch = .full
  package var scaleExponent = 0
  /// The original column at each solving position.
  package var order: [Int]
  /// [columns] weights of the errors in a weighted range search.
  package var importance: [Double] = []
  /// The share of FOEM's first-order term (arXiv 2507.11017).
  package var firstOrder = 0.0

  package init(
    bits: Int, groupWidth: Int, symmetric: Bool, staticGroups: Bool, order: [Int]
  ) {
    self.bits = bits
    self.groupWidth = groupWidth
    self.symmetric = symmetric
    self.staticGroups = staticGroups
    self.order = order
  }

  /// The grid of a group: w = (code − zero) · scale.
  package struct Grid: Equatable {
    package var scale: Double
    package var zero: Double

    package init(scale: Double, zero: Double) {
      self.scale = scale
      self.zero = zero
    }

    /// The code of the nearest grid point, and the distance of `w` from a tie in steps, 0...0.5.
    func nearest(_ w: Double, bits: Int) -> (code: Double, margin: Double) {
      guard scale > 0 else { return (zero, 0.5) }
      let top = Double(1 << bits) - 1
      let steps = w / scale + zero
      let code = min(max(steps, 0), top).rounded(.toNearestOrEven)
      if steps <= 0 || steps >= top { return (code, 0.5) }
      return (code, 0.5 - abs(steps - steps.rounded(.toNearestOrEven)))
    }
  }

  /// A solved row of weights.
  package struct Row {
    /// By original column.
    package var codes: [UInt8]
    package var restored: [Double]
    /// By original column: distance from a tie, in steps.
    package var margins: [Double]
    /// By original column: a bound on the distance, in steps, between the number that a float32
    /// solver rounds to a code and the one rounded here, if all earlier codes are equal. Codes of
    /// columns whose margin exceeds it are equal, too.
    package var slacks: [Double]
    package var grids: [Grid]
    /// By group: the weights that its grid was fitted to.
    package var ranges: [WeightRange]
    /// Σ ((w − q) / U_ii)².
    package var error: Double
    /// A bound on the difference between `error` and a float32 solver's, if all codes are equal.
    package var errorSlack: Double
  }

  /// Solves one row of weights, [columns].
  ///
  /// - Parameters:
  ///   - factor: U in solving order, [columns, columns], with the solver's float32 values; nil for
  ///     round-to-nearest.
  ///   - given: one grid per group; nil fits them to the weights.
  package func solve(_ weights: [Double], factor: Factor?, grids given: [Grid]? = nil) -> Row {
    let n = weights.count
    let groups = (n + groupWidth - 1) / groupWidth
    var w = order.map { weights[$0] }
    var grids = given ?? []
    var row = Row(
      codes: Array(repeating: 0, count: n), restored: Array(repeating: 0, count: n),
      margins: Array(repeating: 0, count: n), slacks: Array(repeating: 0, count: n), grids: [],
      ranges: [], error: 0, errorSlack: 0)
    if given == nil, staticGroups {
      for group in 0..<groups {
        let columns = group * groupWidth..<min(n, (group + 1) * groupWidth)
        grids.append(
          fit(
            Array(weights[columns]),
            importance: importance.isEmpty ? [] : Array(importance[columns])))
        row.ranges.append(WeightRange(weights[columns], error: 0))
      }
    }
    var rounding = LoopRounding(start: w, factor: factor, firstOrder: firstOrder)
    for i in 0..<n {
      if given == nil, !staticGroups, i % groupWidth == 0 {
        let columns = i..<min(n, i + groupWidth)
        grids.append(
          fit(Array(w[columns]), importance: importance.isEmpty ? [] : Array(importance[columns])))
        let error = columns.reduce(0) { max($0, rounding.error(of: $1, before: i)) }
        row.ranges.append(WeightRange(w[columns], error: error))
      }
      let column = order[i]
      let grid = grids[column / groupWidth]
      // With the gradient g = β (w − w₀) at w, fixing this column alone adds −β (w − w₀) to the
      // later columns, applied when each of them is solved, and removes the same share of this
      // column's own distance from the error.
      let pulled = w[i] - firstOrder * (w[i] - weights[column])
      let (code, margin) = grid.nearest(pulled, bits: bits)
      let restored = (code - grid.zero) * grid.scale
      let error =
        (pulled - restored - firstOrder * (pulled - weights[column])) / (factor?.u[i * n + i] ?? 1)
      let slack = rounding.take(
        column: i, weight: w[i], pulled: pulled, restored: restored, error: error)
      row.codes[column] = UInt8(code)
      row.restored[column] = restored
      row.margins[column] = margin
      row.slacks[column] = grid.scale > 0 ? slack.weight / grid.scale : 0
      row.error += error * error
      row.errorSlack += (2 * abs(error) + slack.error) * slack.error
      if let factor {
        for j in i + 1..<max(n, i + 1) { w[j] -= factor.u[i * n + j] * error }
      }
    }
    row.grids = grids
    return row
  }

  /// The grid of one group. Steps are computed in float32 as in the solver under test, so that both
  /// round the same number to f16.
  package func fit(_ weights: [Double], importance: [Double] = []) -> Grid {
    let low = Float(min(0, weights.min() ?? 0))
    let high = Float(max(0, weights.max() ?? 0))
    let full = grid(low: low, high: high)
    guard search != .full, full.scale > 0 else { return full }
    var best = full
    var bestError = Double.infinity
    for step in 0..<GridSettings.searchSteps {
      let shrink = 1 - Float(step) / 100
      let candidate = grid(low: low * shrink, high: high * shrink)
      let error = searchError(weights, candidate, unit: full.scale, importance: importance)
      if error < bestError {
        bestError = error
        best = candidate
      }
    }
    return best
  }

  /// The objective of the range search, with errors in steps of the full range.
  package func searchError(
    _ weights: [Double], _ grid: Grid, unit: Double, importance: [Double]
  ) -> Double {
    var sum = 0.0
    for (index, w) in weights.enumerated() {
      let (code, _) = grid.nearest(w, bits: bits)
      let distance = abs(w - (code - grid.zero) * grid.scale) / unit
      let cost = search == .clipped ? power2point4(distance) : distance * distance
      sum += importance.isEmpty ? cost : importance[index] * cost
    }
    return sum
  }

  private func power2point4(_ x: Double) -> Double {
    // x² times the fifth root of x², by Newton's method, which needs no math library.
    guard x > 0 else { return 0 }
    let target = x * x
    var root = x < 1 ? 1 : x
    for _ in 0..<200 {
      let fourth = root * root * root * root
      let next = (4 * root + target / fourth) / 5
      if abs(next - root) <= 1e-15 * root { break }
      root = next
    }
    return target * root
  }

  private func grid(low: Float, high: Float) -> Grid {
    let top = Float(1 << bits) - 1
    let half = Float(1 << (bits - 1))
    let toStored = Float(sign: .plus, exponent: -scaleExponent, significand: 1)
    let fromStored = Float(sign: .plus, exponent: scaleExponent, significand: 1)
    let step = symmetric ? max(-low, high) / (half - 0.5) : (high - low) / top
    let stored = min(Float16(step * toStored), Float16.greatestFiniteMagnitude)
    let scale = Float(stored) * fromStored
    guard !symmetric else { return Grid(scale: Double(scale), zero: Double(half)) }
    let zero = scale > 0 ? min(-low / scale, top).rounded(.toNearestOrEven) : 0
    return Grid(scale: Double(scale), zero: Double(zero))
  }
}
