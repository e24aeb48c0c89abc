import Numerics

/// The map M of `DriftCorrection`, for the weights of all layers that share an input.
///
/// H⁻¹ = UᵀU is applied to W·D one factor at a time, a batch of rows after another, so that D and U
/// are the only [k, k] matrices. GPTAQ alone needs a third, a triangle of D Uᵀ.
struct DriftMap {
  private let drift: InputDrift
  private let factored: FactoredHessian
  /// GPTAQ's triu(D Uᵀ, 1) [k, k], rows in original order, columns in solving order; nil for the
  /// other methods.
  private let triangle: Tensor?

  /// Weights corrected for drift.
  struct Corrected {
    /// [out, in].
    let weights: Tensor
    /// The energies of the step from the original weights; nil for GPTAQ, where they need a product
    /// with H.
    let moved: Moved?
  }

  /// The energies of a step S from weights W, in the metric of H.
  struct Moved {
    /// tr(S H Sᵀ).
    var own = 0.0
    /// tr(W H Sᵀ).
    var cross = 0.0
  }

  /// Rows of weights per matrix product.
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
      // The diagonal is 0 too, because a column's drift is compensated by later columns only.
      for (position, column) in factored.order.enumerated() {
        for j in 0...position { values[Int(column) * k + j] = 0 }
      }
    }
    return lifted
  }

  /// Weights W [n, k] corrected for drift,
  ///
  ///     W + strength·(W·D + E)·H⁻¹
  ///     W + strength·W·triu(D Uᵀ, 1)·U      for GPTAQ
  ///
  /// Products are in float32, because H⁻¹ magnifies the rounding errors of bfloat16 in W·D (SmolLM2
  /// at 3 bits on one machine: C4 perplexity 50.6 instead of 49.4, PTB 76.0 instead of 73.1).
  /// Float64 (dgemm, with H + λI factored by dpotrf) moved perplexities in both directions over
  /// three calibration sizes, and improved none of three texts by more than the sizes differ among
  /// themselves.
  ///
  /// S·H needs no extra product, because S (H + λI) = strength·(W·D + E) is an intermediate result.
  /// (In a dead column both are 0, whatever the diagonal.)
  ///
  /// - Parameter stream: E [n, k], columns in original order; nil for 0. Not used by GPTAQ.
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

  /// Adds the energies of a batch of rows to `moved`.
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
