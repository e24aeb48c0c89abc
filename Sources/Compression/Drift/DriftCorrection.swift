/// A correction of a layer's weights for drift, the change in its inputs caused by compressing
/// earlier layers.
///
/// Calibration feeds a layer the compressed model's inputs x, but its output should be the
/// uncompressed model's for inputs x_full. The weights W to compress are therefore replaced by
///
///     W + strength·W·M
///
/// where M maps x to an estimate of the drift x_full − x, and is learned from the correlation
/// D = (2/N) Σ (x_full − x) xᵀ.
package struct DriftCorrection: Sendable, Hashable {
  /// The estimate of the drift from a layer's inputs.
  package enum Method: String, Sendable, Hashable, CaseIterable {
    /// GPTAQ, M = triu(D Uᵀ, 1) U for H⁻¹ = UᵀU in solving order (arXiv 2504.02692): a column's
    /// drift is compensated by the columns solved after it. At strength 1 each column's step is the
    /// exact least-squares solution; the authors' code uses 0.25.
    case gptaq
    /// QEP, M = D H⁻¹ (arXiv 2504.09629): all columns compensate together, which works with every
    /// compression method.
    case qep
    /// QEP, plus a correction for drift of the residual stream r in layers that add to it: their
    /// weights also move by E H⁻¹ with E = (2/N) Σ (r_full − r) xᵀ, so that the block's output
    /// approaches that of the uncompressed model.
    case block
  }

  package var method: Method
  /// The corrected share of the estimated drift, 0...1; 0 leaves the weights unchanged.
  package var strength: Double

  /// - Parameter strength: nil for the method's published strength.
  package init(_ method: Method, strength: Double? = nil) {
    self.method = method
    self.strength = strength ?? Self.publishedStrength(method)
  }

  /// The strength used by a method's authors; QEP's for `block`.
  package static func publishedStrength(_ method: Method) -> Double {
    method == .gptaq ? 0.25 : 0.5
  }
}
