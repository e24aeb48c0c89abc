/// The correction of a layer's weights for drift, the change of its inputs by the compression of earlier
/// layers.
///
/// Calibration shows a layer the compressed model's inputs x, while its output should be that of the
/// uncompressed model for its own inputs x_full. The weights W to compress are therefore replaced by
/// W + strength·W·M, where M maps x to an estimate of the drift x_full − x and is learned from
/// D = (2/N) Σ (x_full − x) xᵀ.
package struct DriftCorrection: Sendable, Hashable {
  package enum Method: String, Sendable, Hashable, CaseIterable {
    /// GPTAQ, M = triu(D Uᵀ, 1) U for H⁻¹ = UᵀU in solving order (arXiv 2504.02692): the columns that are
    /// solved later compensate the drift of a column. With strength 1 that is the exact least-squares
    /// answer at each column's turn; the authors' code uses a quarter.
    case gptaq
    /// QEP, M = D H⁻¹ (arXiv 2504.09629): all columns together, which suits every method.
    case qep
    /// QEP, and for layers that add to the residual stream r a correction for its drift too: they are
    /// also moved by E H⁻¹ with E = (2/N) Σ (r_full − r) xᵀ, so that the block's output approaches that of
    /// the uncompressed model.
    case block
  }

  package var method: Method
  /// 0...1: 0 leaves the weights alone, 1 corrects for all of the drift that the inputs show.
  package var strength: Double

  /// - Parameter strength: nil for the method's published strength.
  package init(_ method: Method, strength: Double? = nil) {
    self.method = method
    self.strength = strength ?? Self.publishedStrength(method)
  }

  /// The strength of the method's authors; QEP's for `block`.
  package static func publishedStrength(_ method: Method) -> Double {
    method == .gptaq ? 0.25 : 0.5
  }
}
