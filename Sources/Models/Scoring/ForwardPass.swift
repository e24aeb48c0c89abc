import Bytes
import Checkpoints
import Numerics

/// A forward pass that keeps nothing but its buffers, for any number of runs over the same number
/// of rows.
package final class ForwardPass {
  let model: LanguageModel
  let plan: RowPlan
  /// The residual stream [R, d]: `enter`, `run`, and read what leaves the last block.
  let x: Tensor
  private let activations: BlockActivations
  private let scratch: ForwardScratch

  package init(_ model: LanguageModel, plan: RowPlan, cache: KeyValueCache? = nil) {
    self.model = model
    self.plan = plan
    let c = model.configuration
    x = Tensor([plan.rows, c.hiddenSize])
    activations = BlockActivations(
      c, plan: plan, input: x, keys: cache.map { $0.rows(plan.keyRows, layer: 0) })
    scratch = ForwardScratch(c, rows: plan.rows)
  }

  /// Puts token embeddings, or a soft prompt's vectors, [R, e] into the residual stream.
  package func enter(_ rows: Tensor) {
    model.input.enter(rows, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Puts the embeddings of tokens, one per row, into the residual stream.
  package func enter(_ ids: [Int32]) {
    model.input.enter(ids, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Runs all blocks in place on `x`. With a cache, its prefix must be the plan's; the new keys and
  /// values stay in the cache after it.
  ///
  /// - Parameter attention: called with each block's number once its queries, keys and values are
  ///   there; true where it has filled `attended` from them in the plan's place.
  package func run(
    cache: KeyValueCache? = nil,
    attention: (BlockActivations, Int) -> Bool = { _, _ in false }
  ) throws(Failure) {
    for layer in 0..<model.configuration.layers {
      if let cache {
        (activations.k, activations.v) = cache.rows(plan.keyRows, layer: layer)
      }
      try model.block(layer).forward(activations, plan: plan, scratch: scratch, into: x) {
        attention(activations, layer)
      }
    }
  }

  /// Input rows of the output head for rows of `x`, [rows, e].
  package func hidden(_ rows: Range<Int>) -> Tensor {
    let out = Tensor([rows.count, model.configuration.embeddingSize])
    model.output.hidden(x.rows(rows), arithmetic: model.arithmetic, into: out)
    return out
  }
}
