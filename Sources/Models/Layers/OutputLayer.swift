import Checkpoints
import Numerics

/// The layers from the residual stream after the last block to the input of the output head.
///
///     x [m, d] → final norm (if the model has one) → projection (OPT 350M) → hidden [m, e]
///     hidden → head [V, e] → logits
package struct OutputLayer: Sendable {
  /// Final norm; nil if the model has none.
  package let norm: Norm?
  /// Projection [e, d] to the embeddings' width; nil if e is d.
  package let projection: Linear?
  /// Output head [V, e]; the embedding itself if the two are tied.
  package let head: Weight

  package init(norm: Norm?, projection: Linear? = nil, head: Weight) {
    self.norm = norm
    self.projection = projection
    self.head = head
  }

  /// Applies norm and projection: rows x [m, d] → hidden [m, e].
  func hidden(_ x: Tensor, arithmetic: Arithmetic, into hidden: Tensor) {
    let buffers = OutputBuffers(self, rows: x.rows, width: x.columns)
    forward(x, buffers, arithmetic: arithmetic, into: hidden)
  }

  /// Applies norm and projection, rows x [m, d] → hidden [m, e], and keeps in `b` the numbers that
  /// `backward` reads.
  func forward(_ x: Tensor, _ b: OutputBuffers, arithmetic: Arithmetic, into hidden: Tensor) {
    let target = b.normalised ?? hidden
    if let norm {
      norm.forward(x, into: target, statistics: b.statistics)
    } else {
      target.copy(from: x)
    }
    projection?.apply(target, into: hidden, arithmetic: arithmetic)
  }

  /// Computes the gradient with respect to x, dx [m, d], from that with respect to hidden [m, e].
  /// `b` and `x` are those of the forward pass; the rows in `b` are overwritten.
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
  /// Input rows of the output head [m, e], from rows after the last block [m, d].
  package func hidden(afterBlocks rows: Tensor) -> Tensor {
    let hidden = Tensor([rows.rows, output.head.columns])
    output.hidden(rows, arithmetic: arithmetic, into: hidden)
    return hidden
  }
}

/// Buffers that an output layer keeps between its forward and its backward pass, for m rows.
final class OutputBuffers {
  let statistics: NormStatistics
  /// The normalised rows [m, d] if a projection follows; nil if they are the hidden rows.
  let normalised: Tensor?

  init(_ layer: OutputLayer, rows: Int, width: Int) {
    statistics = NormStatistics(rows: rows)
    normalised = layer.projection == nil ? nil : Tensor([rows, width])
  }
}
