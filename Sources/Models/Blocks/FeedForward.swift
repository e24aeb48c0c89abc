import Bytes
import Checkpoints
import Numerics

/// A block's feed-forward: each row is projected to the intermediate width i, goes through an
/// activation, and is projected back to the model's width d.
///
///     gated (SwiGLU): x [m, d] → gate, up [m, i] → silu(gate)·up → down [m, d]
///     plain:          x [m, d] → up [m, i] → activation(up) → down [m, d]
package struct FeedForward: Sendable {
  let kind: ModelDesign.FeedForward
  /// Gate projection [i, d]; nil in a plain feed-forward.
  package internal(set) var gate: Linear?
  /// Up projection [i, d]; OPT's `fc1`.
  package internal(set) var up: Linear
  /// Down projection [d, i]; OPT's `fc2`.
  package internal(set) var down: Linear

  init(
    _ kind: ModelDesign.FeedForward, linear: (LinearName) throws(Failure) -> Linear
  ) throws(Failure) {
    self.kind = kind
    gate = kind == .gated ? try linear(.gate) : nil
    up = try linear(.up)
    down = try linear(.down)
  }

  /// The layers before the activation, each with the buffer for its output.
  func widening(into wide: WideRows) -> [(layer: Linear, output: Tensor)] {
    guard let gate, let rows = wide.gate else { return [(up, wide.up)] }
    return [(gate, rows), (up, wide.up)]
  }

  /// Applies the layers before the activation: x [m, d] → `wide` [m, i].
  func widen(_ x: ProductInput, into wide: WideRows) {
    for (layer, output) in widening(into: wide) { layer.apply(x, into: output) }
  }

  /// Applies the activation: `wide` [m, i] → the input of `down`, `hidden` [m, i].
  func activate(_ wide: WideRows, into hidden: Tensor) {
    switch kind {
    case .gated: SwiGLU.forward(wide.gates, wide.up, into: hidden)
    case .plain(let activation): activation.forward(wide.up, into: hidden)
    }
  }

  /// Backward pass of the activation: from the gradient with respect to the input of `down` to
  /// those with respect to `wide`, [m, i] each.
  func activateBackward(_ dHidden: Tensor, _ wide: WideRows, into gradient: WideRows) {
    switch kind {
    case .gated:
      SwiGLU.backward(
        dHidden, gate: wide.gates, up: wide.up, dGate: gradient.gates, dUp: gradient.up)
    case .plain(let activation): activation.backward(dHidden, x: wide.up, into: gradient.up)
    }
  }

  /// Backward pass of the layers before the activation: dx [m, d] receives the gradient with
  /// respect to their input; it is added to dx if `accumulate`.
  func widenTransposed(
    _ gradient: WideRows, into dx: Tensor, accumulate: Bool, arithmetic: Arithmetic
  ) {
    var accumulate = accumulate
    for (layer, dy) in widening(into: gradient) {
      layer.applyTransposed(dy, into: dx, accumulate: accumulate, arithmetic: arithmetic)
      accumulate = true
    }
  }
}

/// Outputs of a feed-forward's layers before its activation, or the gradients with respect to them.
struct WideRows: Sendable {
  /// Gate rows [m, intermediate]; nil if the feed-forward has no gate.
  let gate: Tensor?
  /// Up rows [m, intermediate].
  let up: Tensor

  init(_ c: ModelConfiguration, rows: Int) {
    gate = c.design.feedForward == .gated ? Tensor([rows, c.intermediateSize]) : nil
    up = Tensor([rows, c.intermediateSize])
  }

  private init(gate: Tensor?, up: Tensor) {
    self.gate = gate
    self.up = up
  }

  /// Numbers kept per row.
  static func perRow(_ c: ModelConfiguration) -> Int {
    c.intermediateSize * (c.design.feedForward == .gated ? 2 : 1)
  }

  func rows(_ range: Range<Int>) -> WideRows {
    WideRows(gate: gate?.rows(range), up: up.rows(range))
  }

  /// The rows of each layer, here gradients, by the layer's name.
  var byLayer: [(name: LinearName, gradient: Tensor)] {
    (gate.map { [(.gate, $0)] } ?? []) + [(.up, up)]
  }

  fileprivate var gates: Tensor {
    guard let gate else { preconditionFailure("a gated feed-forward has rows for its gate") }
    return gate
  }
}
