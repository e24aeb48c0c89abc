import Bytes
import Numerics

/// One scored window of a measurement: what a comparison with another model needs.
package struct ScoredWindow: Sendable {
  /// The window's number.
  package let index: Int
  /// Negative log-likelihoods of the n scored targets in nats.
  package let losses: [Float]
  /// Input rows of the output head [n, e], a row for each scored target.
  package let hidden: Tensor

  package init(index: Int, losses: [Float], hidden: Tensor) {
    precondition(losses.count == hidden.rows, "a row for each target")
    self.index = index
    self.losses = losses
    self.hidden = hidden
  }

  /// The window in stored form: the losses, then the rows, as little-endian float32.
  package var bytes: [UInt8] { [UInt8](floats: losses) + [UInt8](floats: hidden.values) }

  /// Reads what `bytes` gave for a window of `targets` targets and rows of `width` values; nil if it
  /// has another size.
  package init?(index: Int, bytes: ByteSlice, targets: Int, width: Int) {
    guard bytes.count == 4 * targets * (1 + width), let losses = bytes.slice(0..<4 * targets),
      let rows = bytes.slice(4 * targets..<bytes.count)
    else { return nil }
    self.init(
      index: index, losses: losses.floats(), hidden: Tensor(mapping: rows, shape: [targets, width]))
  }
}
