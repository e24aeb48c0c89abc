import Checkpoints
import Numerics

/// The layers from token embeddings or a soft prompt's vectors to the residual stream.
///
///     embeddings [m, e] → projection (OPT 350M) → + learned positions (OPT) → x [m, d]
///
/// Positions count from 0 at the first row, whether of a prompt or of a text.
package struct InputLayer: Sendable {
  /// Token embeddings [V, e].
  package let embedding: Weight
  /// Projection [d, e] of embeddings to the model's width; nil if e is d.
  package let projection: Linear?
  /// Table of learned positions [rows, d], and the row of position 0; nil if positions are rotary.
  package let positions: (table: Weight, offset: Int)?

  package init(
    embedding: Weight, projection: Linear? = nil, positions: (table: Weight, offset: Int)? = nil
  ) {
    self.embedding = embedding
    self.projection = projection
    self.positions = positions
  }

  /// Width of embeddings, e.
  var width: Int { embedding.columns }

  /// Writes input rows [m, e] at `positions` (one each) to the residual stream `x` [m, d].
  package func enter(_ rows: Tensor, at positions: [Int32], into x: Tensor, arithmetic: Arithmetic)
  {
    if let projection {
      projection.apply(rows, into: x, arithmetic: arithmetic)
    } else {
      x.copy(from: rows)
    }
    add(positions, to: x)
  }

  /// Writes the embeddings of `ids` at `positions` (one each) to the residual stream `x` [m, d].
  package func enter(_ ids: [Int32], at positions: [Int32], into x: Tensor, arithmetic: Arithmetic)
  {
    guard projection == nil else {
      let rows = Tensor(uninitialized: [ids.count, width])
      embedding.gather(ids, into: rows)
      return enter(rows, at: positions, into: x, arithmetic: arithmetic)
    }
    embedding.gather(ids, into: x)
    add(positions, to: x)
  }

  private func add(_ rows: [Int32], to x: Tensor) {
    guard let positions, !rows.isEmpty else { return }
    let table = Tensor(uninitialized: x.shape)
    positions.table.gather(rows.map { $0 + Int32(positions.offset) }, into: table)
    Vector.add(table, into: x)
  }

  /// The gradient with respect to input rows [m, e], a copy, from that with respect to the residual
  /// stream [m, d].
  func backward(_ gradient: Tensor, arithmetic: Arithmetic) -> Tensor {
    guard let projection else { return gradient.copy() }
    let result = Tensor([gradient.rows, width])
    projection.applyTransposed(gradient, into: result, arithmetic: arithmetic)
    return result
  }
}
