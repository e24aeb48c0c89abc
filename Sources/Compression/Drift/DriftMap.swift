import Numerics

/// The map M of `DriftCorrection`, for the weights of all layers that share an input.
///
/// H⁻¹ = UᵀU is applied factor by factor to W·D, a few rows at a time, so that no [k, k] matrix is needed
/// beside D and U. Only GPTAQ, which takes a triangle of D Uᵀ, needs that one.
struct DriftMap {
  private let drift: InputDrift
  private let factored: FactoredHessian
  /// [k, k] triu(D Uᵀ, 1) of GPTAQ, rows by original column, columns in solving order; nil for the other
  /// methods.
  private let triangle: Tensor?

  /// Weights corrected for drift.
  struct Corrected {
    /// [out, in].
    let weights: Tensor
    /// The distance from the original weights; nil where it takes a product with H (GPTAQ).
    let moved: Moved?
  }

  /// The energies of a step S from weights W.
  struct Moved {
    /// tr(S H Sᵀ).
    var own = 0.0
    /// tr(W H Sᵀ).
    var cross = 0.0
  }

  /// Rows of weights that go through a product together.
  private static let rowsAtOnce = 1200

  init(_ drift: InputDrift, method: DriftCorrection.Method, factor: FactoredHessian) {
    self.drift = drift
    factored = factor
    triangle = method == .gptaq ? Self.triangle(drift.matrix, factor) : nil
  }

  private static func triangle(_ drift: Tensor, _ factored: FactoredHessian) -> Tensor {
    let k = drift.columns
    let lifted = Tensor(uninitialized: [k, k])
    MatMul.multiply(
      columns(of: drift, inOrder: factored.order), upper: factored.factor, into: lifted,
      transposed: true)
    lifted.withMutableSpan { values in
      // The diagonal itself too: later columns compensate a column's own drift.
      for (position, column) in factored.order.enumerated() {
        for j in 0...position { values[Int(column) * k + j] = 0 }
      }
    }
    return lifted
  }

  /// W + strength·(W·D + E)·H⁻¹ for weights W [n, k]; for GPTAQ W + strength·W·triu(D Uᵀ, 1)·U.
  ///
  /// All in float32: H⁻¹ magnifies what bfloat16 leaves out of W·D (SmolLM2 at 3 bits on one machine: C4
  /// perplexity 50.6 instead of 49.4, PTB 76.0 instead of 73.1). Float64 instead (dgemm, and
  /// H + λI factored by dpotrf) moved perplexities in both directions over three sizes of calibration, and
  /// helped none of three texts by more than these sizes are apart.
  ///
  /// S (H + λI) is strength·(W·D + E), an intermediate result, so that S·H costs no product. (In a dead
  /// column both are 0, whatever the diagonal holds there.)
  ///
  /// - Parameter stream: E [n, k], columns in their own order; nil is 0. Not for GPTAQ.
  func corrected(_ weight: Tensor, stream: Tensor? = nil, strength: Double) -> Corrected {
    let k = weight.columns
    let result = weight.copy()
    let step = min(Self.rowsAtOnce, weight.rows)
    let (first, second) = (Tensor(uninitialized: [step, k]), Tensor(uninitialized: [step, k]))
    var moved = Moved()
    for start in stride(from: 0, to: weight.rows, by: step) {
      let range = start..<min(weight.rows, start + step)
      let (middle, shift) = (first.rows(0..<range.count), second.rows(0..<range.count))
      var drifted: Tensor?
      if let triangle {
        MatMul.multiply(weight.rows(range), triangle, into: middle)
      } else {
        MatMul.multiply(weight.rows(range), drift.matrix, into: shift)
        if let stream { Vector.add(stream.rows(range), into: shift) }
        let inOrder = Self.columns(of: shift, inOrder: factored.order)
        MatMul.multiply(inOrder, upper: factored.factor, into: middle, transposed: true)
        drifted = inOrder
      }
      MatMul.multiply(middle, upper: factored.factor, into: shift)
      if let drifted {
        add(weight.rows(range), movedBy: shift, drifted, strength: strength, to: &moved)
      }
      result.rows(range).withMutableSpan { values in
        shift.withSpan { shift in
          for row in 0..<range.count {
            for (position, column) in factored.order.enumerated() {
              values[row * k + Int(column)] += Float(strength) * shift[row * k + position]
            }
          }
        }
      }
    }
    return Corrected(weights: result, moved: triangle == nil ? moved : nil)
  }

  /// Adds some rows' shares of the energies.
  ///
  /// - Parameters:
  ///   - shift: S / strength, columns in solving order.
  ///   - drifted: W·D + E, columns in solving order.
  private func add(
    _ weight: Tensor, movedBy shift: Tensor, _ drifted: Tensor, strength: Double,
    to moved: inout Moved
  ) {
    let k = weight.columns
    weight.withSpan { weight in
      shift.withSpan { shift in
        drifted.withSpan { drifted in
          for row in 0..<weight.count / k {
            for (position, column) in factored.order.enumerated() {
              let s = Double(shift[row * k + position])
              let product = Double(drifted[row * k + position]) - factored.damping * s
              moved.own += strength * strength * s * product
              moved.cross += strength * Double(weight[row * k + Int(column)]) * product
            }
          }
        }
      }
    }
  }

  private static func columns(of matrix: Tensor, inOrder order: [Int32]) -> Tensor {
    let k = matrix.columns
    let result = Tensor(uninitialized: matrix.shape)
    result.withMutableSpan { values in
      matrix.withSpan { source in
        for row in 0..<matrix.rows {
          for position in 0..<k {
            values[row * k + position] = source[row * k + Int(order[position])]
          }
        }
      }
    }
    return result
  }
}
