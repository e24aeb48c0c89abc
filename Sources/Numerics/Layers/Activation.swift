import Bytes
import CKernels

/// An elementwise activation of feed-forward layers without a gate. Raw values are Hugging Face's
/// names.
package enum Activation: String, Sendable, CaseIterable {
  /// max(x, 0)
  case relu
  /// x·Φ(x), exact rather than the tanh approximation (Hendrycks and Gimpel, arXiv 1606.08415).
  case gelu

  private static let grain = 1 << 14

  /// Computes y = f(x) elementwise; `y` may be `x`.
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

  /// Computes dx = dy·f′(x) elementwise; `dx` may be `dy` or `x`.
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
