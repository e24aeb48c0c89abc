import Bytes
import Checkpoints
import Numerics

/// A forward pass that keeps no activations between blocks, for any number of runs over the same
/// number of rows R.
package final class ForwardPass {
  let model: LanguageModel
  let plan: RowPlan
  /// The residual stream [R, d]: `enter` fills it, `run` replaces it with the last block's output.
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

  /// Writes token embeddings or a soft prompt's vectors [R, e] to the residual stream.
  package func enter(_ rows: Tensor) {
    model.input.enter(rows, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Writes the embeddings of tokens `ids` [R] to the residual stream.
  package func enter(_ ids: [Int32]) {
    model.input.enter(ids, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Runs all blocks in place on `x`.
  ///
  /// - Parameters:
  ///   - cache: a cache whose prefix is the plan's; the new keys and values are kept after it.
  ///   - attention: called with each block's index once its queries, keys and values are computed;
  ///     returns true if it has filled `attended` itself, in place of the plan's attention.
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

  /// Input rows of the output head [rows.count, e] for rows of `x`.
  package func hidden(_ rows: Range<Int>) -> Tensor {
    let out = Tensor([rows.count, model.configuration.embeddingSize])
    model.output.hidden(x.rows(rows), arithmetic: model.arithmetic, into: out)
    return out
  }
}
