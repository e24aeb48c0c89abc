import Bytes
import Checkpoints
import Numerics

/// The half of a block that works on each row alone: rows are widened, go through an activation, and
/// are brought back to the model's width.
///
///     gated (SwiGLU): x [m, d] → gate, up [m, i] → silu(gate)·up → down [m, d]
///     plain:          x [m, d] → up [m, i] → activation(up) → down [m, d]
package struct FeedForward: Sendable {
  let kind: ModelDesign.FeedForward
  /// [intermediate, d]; nil in plain ones.
  package internal(set) var gate: Linear?
  /// [intermediate, d]; OPT's `fc1`.
  package internal(set) var up: Linear
  /// [d, intermediate]; OPT's `fc2`.
  package internal(set) var down: Linear

  init(
    _ kind: ModelDesign.FeedForward, linear: (LinearName) throws(Failure) -> Linear
  ) throws(Failure) {
    self.kind = kind
    gate = kind == .gated ? try linear(.gate) : nil
    up = try linear(.up)
    down = try linear(.down)
  }

  /// The layers before the activation, with where their output goes.
  func widening(into wide: WideRows) -> [(layer: Linear, output: Tensor)] {
    guard let gate, let rows = wide.gate else { return [(up, wide.up)] }
    return [(gate, rows), (up, wide.up)]
  }

  func widen(_ x: ProductInput, into wide: WideRows) {
    for (layer, output) in widening(into: wide) { layer.apply(x, into: output) }
  }

  /// From the widened rows to what `down` multiplies [m, i].
  func activate(_ wide: WideRows, into hidden: Tensor) {
    switch kind {
    case .gated: SwiGLU.forward(wide.gates, wide.up, into: hidden)
    case .plain(let activation): activation.forward(wide.up, into: hidden)
    }
  }

  /// From the gradient to what `down` multiplies to those to the widened rows.
  func activateBackward(_ dHidden: Tensor, _ wide: WideRows, into gradient: WideRows) {
    switch kind {
    case .gated:
      SwiGLU.backward(
        dHidden, gate: wide.gates, up: wide.up, dGate: gradient.gates, dUp: gradient.up)
    case .plain(let activation): activation.backward(dHidden, x: wide.up, into: gradient.up)
    }
  }

  /// dx (+)= the gradient to what was widened.
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

/// Rows between a feed-forward's first layers and its activation, or the gradients to them.
struct WideRows: Sendable {
  /// [m, intermediate]; nil where the feed-forward has no gate.
  let gate: Tensor?
  /// [m, intermediate]
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

  /// Each layer's rows.
  var byLayer: [(name: LinearName, gradient: Tensor)] {
    (gate.map { [(.gate, $0)] } ?? []) + [(.up, up)]
  }

  fileprivate var gates: Tensor {
    guard let gate else { preconditionFailure("a gated feed-forward has rows for its gate") }
    return gate
  }
}
