import Checkpoints
import Numerics

/// All buffers of one training step, for R rows.
final class TrainingBuffers {
  let plan: RowPlan
  /// The residual stream before each block and after the last: layers + 1 tensors [R, d].
  let residual: [Tensor]
  /// The first block with activations of its own; blocks before it share one object and are
  /// recomputed.
  let firstKept: Int
  private let kept: [BlockActivations]
  private let shared: BlockActivations?
  let scratch: ForwardScratch
  let backward: BackwardScratch
  /// Input rows of the output head [sequence rows, e].
  let hidden: Tensor
  let output: OutputBuffers
  /// Gradient with respect to `hidden` [sequence rows, e].
  let hiddenGradient: Tensor
  /// Gradient with respect to the residual stream [R, d].
  let gradient: Tensor

  init(_ model: LanguageModel, plan: RowPlan, budget: MemoryBudget) {
    let c = model.configuration
    self.plan = plan
    let residual = (0...c.layers).map { _ in Tensor([plan.rows, c.hiddenSize]) }
    self.residual = residual
    let count = min(
      c.layers, budget.count(of: BlockActivations.byteCount(c, plan: plan)))
    firstKept = c.layers - count
    kept = (firstKept..<c.layers).map {
      BlockActivations(c, plan: plan, input: residual[$0])
    }
    shared = firstKept > 0 ? BlockActivations(c, plan: plan, input: residual[0]) : nil
    scratch = ForwardScratch(c, rows: plan.rows)
    backward = BackwardScratch(c, plan: plan)
    hidden = Tensor([plan.sequenceRows.count, c.embeddingSize])
    output = OutputBuffers(model.output, rows: plan.sequenceRows.count, width: c.hiddenSize)
    hiddenGradient = Tensor([plan.sequenceRows.count, c.embeddingSize])
    gradient = Tensor([plan.rows, c.hiddenSize])
  }

  /// The activations of block `layer`, its own or the shared ones.
  func activations(of layer: Int) -> BlockActivations {
    if layer >= firstKept { return kept[layer - firstKept] }
    guard let shared else { preconditionFailure("blocks before the first kept one share buffers") }
    return shared
  }
}
