import Bytes
import CKernels

/// The activations of feed-forward layers without a gate, value by value; the raw values are
/// Hugging Face's names.
package enum Activation: String, Sendable, CaseIterable {
  /// max(x, 0)
  case relu
  /// x·Φ(x), exact rather than by a hyperbolic tangent (Hendrycks and Gimpel, arXiv 1606.08415).
  case gelu

  private static let grain = 1 << 14

  /// `y` may be `x` itself.
  package func forward(_ x: Tensor, into y: Tensor) {
    precondition(x.count == y.count && !y.isReadOnly)
    Parallel.ranges(x.count, grain: Self.grain) { range in
      let i = range.lowerBound
      switch self {
      case .relu: unsafe ctk_relu(x.pointer + i, y.pointer + i, range.count)
      case .gelu: unsafe ctk_gelu(x.pointer + i, y.pointer + i, range.count)
      }
    }
  }

  /// The gradient to x, from that to y; `dx` may be `dy` or `x`.
  package func backward(_ dy: Tensor, x: Tensor, into dx: Tensor) {
    precondition(x.count == dy.count && x.count == dx.count && !dx.isReadOnly)
    Parallel.ranges(x.count, grain: Self.grain) { range in
      let i = range.lowerBound
      switch self {
      case .relu:
        unsafe ctk_relu_backward(dy.pointer + i, x.pointer + i, dx.pointer + i, range.count)
      case .gelu:
        unsafe ctk_gelu_backward(dy.pointer + i, x.pointer + i, dx.pointer + i, range.count)
      }
    }
  }
}
