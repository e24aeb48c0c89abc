import Numerics

extension Block {
  /// The block on `activations.input`; the residual stream after it goes to `output` [R, d], which
  /// may be the input itself where nobody needs the input any more.
  func forward(
    _ activations: BlockActivations, plan: RowPlan, scratch: ForwardScratch, into output: Tensor
  ) {
    forwardToGate(activations, plan: plan, scratch: scratch)
    SwiGLU.forward(activations.gate, activations.up, into: scratch.hidden)
    output.copy(from: activations.middle)
    down.apply(scratch.hidden, into: output, accumulate: true, arithmetic: arithmetic)
  }

  /// All of the block but its last product: exactly what the backward pass reads. Run again where
  /// activations are recomputed, it gives the same bits.
  func forwardToGate(_ a: BlockActivations, plan: RowPlan, scratch: ForwardScratch) {
    RMSNorm.forward(
      a.input, gain: inputNorm, epsilon: configuration.rmsNormEpsilon, into: scratch.norm,
      inverseRMS: a.inputScale)
    attend(scratch.norm, q: a.q, k: a.k, v: a.v, plan: plan, into: a.attended, a.logSumExp)
    a.middle.copy(from: a.input)
    o.apply(a.attended, into: a.middle, accumulate: true, arithmetic: arithmetic)
    RMSNorm.forward(
      a.middle, gain: postNorm, epsilon: configuration.rmsNormEpsilon, into: scratch.norm,
      inverseRMS: a.middleScale)
    let input = ProductInput(scratch.norm, arithmetic)
    gate.apply(input, into: a.gate)
    up.apply(input, into: a.up)
  }

  /// Projections, rotation and attention on normalised rows [R, d] → [R, heads·headDim].
  func attend(
    _ rows: Tensor, q queries: Tensor, k keys: Tensor, v values: Tensor, plan: RowPlan,
    into attended: Tensor, _ logSumExp: Tensor?
  ) {
    let newKeys = keys.rows(plan.newKeyRows)
    let input = ProductInput(rows, arithmetic)
    q.apply(input, into: queries)
    k.apply(input, into: newKeys)
    v.apply(input, into: values.rows(plan.newKeyRows))
    plan.rotary.apply(
      to: queries, heads: configuration.heads, positions: plan.positions, inverse: false)
    plan.rotary.apply(
      to: newKeys, heads: configuration.kvHeads, positions: plan.positions, inverse: false)
    Attention.forward(
      q: queries, k: keys, v: values, shape: plan.shape, into: attended, logSumExp: logSumExp)
  }
}
