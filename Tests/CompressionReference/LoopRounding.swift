import TestSupport

extension ReferenceSolver {
  /// The factor U [n, n] of a layer, and how errors of a row's weights grow in the loop over the
  /// columns.
  package struct Factor: Sendable {
    /// [n, n] upper, in solving order.
    let u: [Double]
    /// |M⁻¹| [n, n] of `LoopRounding`.
    let growth: [Double]
    let columns: Int

    /// - Parameter firstOrder: the share of FOEM's first-order term.
    package init(_ u: [Double], columns n: Int, firstOrder: Double = 0) {
      (self.u, columns) = (u, n)
      let share = (1 - firstOrder) * (1 - firstOrder)
      var m = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        for j in i + 1..<max(n, i + 1) { m[i * n + j] = share * u[i * n + j] / u[i * n + i] }
      }
      var inverse = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        inverse[i * n + i] = 1
        for k in i..<n {
          let value = inverse[i * n + k]
          for j in k + 1..<max(n, k + 1) { inverse[i * n + j] -= value * m[k * n + j] }
        }
      }
      growth = inverse.map(abs)
    }
  }

  /// Bounds on the rounding errors of the column loop in float32 for one row of weights, against
  /// the loop in float64 with the same factor and the same codes (running error analysis; Higham,
  /// Accuracy and Stability of Numerical Algorithms, section 3.3).
  ///
  /// Column i is rounded to a grid, and its error e_i = (w_i − q_i) / U_ii is fed to later columns,
  /// w_j ← w_j − U_ij·e_i. With δ_i the error of w_i in float32, and the codes equal,
  ///
  ///     δ_j + Σ_{i<j} (U_ij / U_ii)·δ_i = λ_j,
  ///
  /// where λ_j is what column j's own sum adds: two roundings per term, for processors that don't
  /// fuse product and sum, and the rounding of each e_i. So δ = λ·M⁻¹ with the unit upper triangular
  /// M = I + (U_ij / U_ii), and |δ| ≤ |λ|·|M⁻¹|. (q_i is an integer of 8 bits times a float16 and
  /// therefore exact.) With FOEM's share β, which takes part of w_i back to its original value
  /// before and after rounding, M's entries are (1 − β)² times those.
  struct LoopRounding {
    private let start: [Double]
    private let factor: Factor?
    private let share: Double
    /// Σ |U_ij|·|e_i| by column, with the float32 loop's largest |e_i|.
    private var sizes: [Double]
    /// Σ |U_ij|·(the rounding error of e_i) by column.
    private var rounded: [Double]
    /// Σ |U_ij / U_ii|·|δ_i| by column.
    private var carried: [Double]
    /// |λ| by column.
    private var own: [Double] = []

    init(start: [Double], factor: Factor?, firstOrder: Double) {
      (self.start, self.factor, share) = (start, factor, firstOrder)
      sizes = Array(repeating: 0, count: start.count)
      (rounded, carried) = (sizes, sizes)
    }

    /// A bound on the error of column j's weight when `columns` columns have been solved.
    func error(of j: Int, before columns: Int) -> Double {
      ownError(j, columns) + carried[j]
    }

    private func ownError(_ j: Int, _ columns: Int) -> Double {
      Rounding.gamma(2 * columns) * (abs(start[j]) + sizes[j]) + rounded[j]
    }

    /// Takes the next column, i. Returns bounds on the errors of the value that becomes a code, as
    /// a weight and including the division by the grid's scale, and of e_i.
    mutating func take(
      column i: Int, weight: Double, pulled: Double, restored: Double, error: Double
    ) -> (weight: Double, error: Double) {
      let quotient = Rounding.gamma(1)
      guard let factor else { return (quotient * abs(pulled), Rounding.gamma(1) * abs(error)) }
      let n = start.count
      own.append(ownError(i, i))
      var delta = 0.0
      for k in 0...i { delta += own[k] * factor.growth[k * n + i] }
      // FOEM's term: w − β(w − w₀) is a difference, a product and a sum, and so is what is fed on.
      let terms = share > 0 ? Rounding.gamma(8) * (abs(weight) + abs(start[i]) + delta) : 0
      let diagonal = factor.u[i * n + i]
      let before = abs(error) + (delta + terms) / diagonal
      // A difference and a quotient.
      let rounding = Rounding.gamma(2) * before + terms / diagonal
      let largest = before + rounding
      for j in i + 1..<max(n, i + 1) {
        let u = abs(factor.u[i * n + j])
        sizes[j] += u * largest
        rounded[j] += u * rounding
        carried[j] += u / diagonal * delta
      }
      let value = (1 - share) * delta + terms
      return (value + quotient * (abs(pulled) + value), delta / diagonal + rounding)
    }
  }
}
