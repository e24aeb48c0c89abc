/// How a layer makes up for what compression before it did to its input.
///
/// Calibration shows a layer the compressed model's inputs x, while its output should be what the
/// uncompressed model's layer makes of its own inputs x_full. The weights W that are compressed are
/// therefore replaced by W + strength·W·M, where M maps x to an estimate of the drift x_full − x, and
/// is learned from D = (2/N) Σ (x_full − x) xᵀ.
public struct DriftCorrection: Sendable, Hashable {
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// M = triu(D Uᵀ, 1) U for H⁻¹ = UᵀU in solving order (arXiv 2504.02692): the drift of a column is
    /// made up for by the columns that are solved after it. With strength 1 that is the exact least-squares
    /// answer at each column's turn; the authors' code uses a quarter.
    case gptaq
    /// M = D H⁻¹ (arXiv 2504.09629): all columns together, so that it suits every method.
    case qep
    /// As QEP, and layers that add to the residual stream r make up for its drift too: they are moved by
    /// E H⁻¹ with E = (2/N) Σ (r_full − r) xᵀ as well, so that what leaves the block comes near to what
    /// leaves it in the uncompressed model.
    case block
  }

  public var method: Method
  /// 0 leaves the weights alone, 1 makes up for all of the drift that the inputs show. 0...1.
  public var strength: Double

  /// - Parameter strength: nil for the authors' own (of `block`, QEP's).
  public init(_ method: Method, strength: Double? = nil) {
    self.method = method
    self.strength = strength ?? Self.publishedStrength(method)
  }

  public static func publishedStrength(_ method: Method) -> Double {
    method == .gptaq ? 0.25 : 0.5
  }
}
