import Checkpoints
import Numerics

/// The layers from the residual stream after the last block to the input of the output head.
///
///     x [m, d] → final norm (unless norms follow their layers) → projection (OPT 350M) → hidden [m, e]
///     hidden → head [V, e] → logits
package struct OutputLayer: Sendable {
  package let norm: Norm?
  /// [e, d]; nil where e is d.
  package let projection: Linear?
  /// Output head [V, e]; the embedding itself where the two are tied.
  package let head: Weight

  package init(norm: Norm?, projection: Linear? = nil, head: Weight) {
    self.norm = norm
    self.projection = projection
    self.head = head
  }

  /// Rows [m, d] → hidden [m, e].
  func hidden(_ x: Tensor, arithmetic: Arithmetic, into hidden: Tensor) {
    let buffers = OutputBuffers(self, rows: x.rows, width: x.columns)
    forward(x, buffers, arithmetic: arithmetic, into: hidden)
  }

  func forward(_ x: Tensor, _ b: OutputBuffers, arithmetic: Arithmetic, into hidden: Tensor) {
    let target = b.normalised ?? hidden
    if let norm {
      norm.forward(x, into: target, statistics: b.statistics)
    } else {
      target.copy(from: x)
    }
    projection?.apply(target, into: hidden, arithmetic: arithmetic)
  }

  /// The gradient to x, from that to hidden. `b` and `x` as in the forward pass; `b`'s rows are
  /// overwritten.
  func backward(
    _ dHidden: Tensor, x: Tensor, _ b: OutputBuffers, arithmetic: Arithmetic, into dx: Tensor
  ) {
    let dRows = b.normalised ?? dHidden
    projection?.applyTransposed(dHidden, into: dRows, arithmetic: arithmetic)
    if let norm {
      norm.backward(dRows, x: x, statistics: b.statistics, into: dx, accumulate: false)
    } else {
      dx.copy(from: dRows)
    }
  }
}

extension LanguageModel {
  /// Input rows of the output head [m, e] for rows that leave the last block [m, d].
  package func hidden(afterBlocks rows: Tensor) -> Tensor {
    let hidden = Tensor([rows.rows, output.head.columns])
    output.hidden(rows, arithmetic: arithmetic, into: hidden)
    return hidden
  }
}

/// Buffers that an output layer keeps between its forward and its backward pass.
final class OutputBuffers {
  let statistics: NormStatistics
  /// [m, d] where a projection follows; else the hidden rows themselves.
  let normalised: Tensor?

  init(_ layer: OutputLayer, rows: Int, width: Int) {
    statistics = NormStatistics(rows: rows)
    normalised = layer.projection == nil ? nil : Tensor([rows, width])
  }
}
