import Numerics

extension Block {
  /// Runs the block on `a.input` and writes the residual stream after it to `output` [R, d], which
  /// may be the input itself if the input isn't needed any more.
  ///
  /// - Parameter attention: called once the block's queries, keys and values are computed; returns
  ///   true if it has filled `a.attended` itself, in place of the plan's attention.
  func forward(
    _ a: BlockActivations, plan: RowPlan, scratch: ForwardScratch, into output: Tensor,
    attention: () -> Bool = { false }
  ) {
    forwardToWide(a, plan: plan, scratch: scratch, attention: attention)
    feedForward.activate(a.wide, into: scratch.hidden)
    // With norms before their layers the residual stream is still in `a.middle`; a norm after
    // attention has just written it to `scratch.norm`.
    let sum = a.ending?.sum ?? output
    sum.copy(from: norms.afterAttention == nil ? a.middle : scratch.norm)
    feedForward.down.apply(scratch.hidden, into: sum, accumulate: true, arithmetic: arithmetic)
    norms.afterFeedForward?.forward(sum, into: output, statistics: a.ending?.statistics)
  }

  /// Recomputes the activations that the backward pass reads, to the same bits, for blocks that
  /// don't keep theirs.
  func recompute(_ a: BlockActivations, plan: RowPlan, scratch: ForwardScratch) {
    if a.ending == nil {
      forwardToWide(a, plan: plan, scratch: scratch)
    } else {
      // The block's output is known already; this copy of it goes to a buffer that is free by then.
      forward(a, plan: plan, scratch: scratch, into: scratch.norm)
    }
  }

  /// Runs the block up to the feed-forward's activation. Leaves the middle norm's output in
  /// `scratch.norm`.
  private func forwardToWide(
    _ a: BlockActivations, plan: RowPlan, scratch: ForwardScratch,
    attention: () -> Bool = { false }
  ) {
    norms.beforeAttention?.forward(a.input, into: scratch.norm, statistics: a.inputStatistics)
    attend(
      norms.beforeAttention == nil ? a.input : scratch.norm, q: a.q, k: a.k, v: a.v, plan: plan,
      into: a.attended, a.logSumExp, headNorms: a.headNorms, attention: attention)
    a.middle.copy(from: a.input)
    o.apply(a.attended, into: a.middle, accumulate: true, arithmetic: arithmetic)
    norms.middle.forward(a.middle, into: scratch.norm, statistics: a.middleStatistics)
    feedForward.widen(ProductInput(scratch.norm, arithmetic), into: a.wide)
  }

  /// Runs projections, head norms, rotary embedding and attention: rows [R, d] → `attended`
  /// [R, heads·headDim].
  ///
  /// - Parameters:
  ///   - logSumExp: receives the softmax normalisers [R, heads] for a backward pass; nil without
  ///     one.
  ///   - headNorms: receives the head norms' inputs and statistics for a backward pass; nil without
  ///     one, or if heads have no norms.
  ///   - attention: returns true if it has filled `attended` itself.
  func attend(
    _ rows: Tensor, q queries: Tensor, k keys: Tensor, v values: Tensor, plan: RowPlan,
    into attended: Tensor, _ logSumExp: Tensor?, headNorms kept: HeadNormActivations? = nil,
    attention: () -> Bool = { false }
  ) {
    let newKeys = keys.rows(plan.newKeyRows)
    let input = ProductInput(rows, arithmetic)
    q.apply(input, into: queries)
    k.apply(input, into: newKeys)
    v.apply(input, into: values.rows(plan.newKeyRows))
    if let headNorms {
      if let kept {
        kept.forward(headNorms, queries: queries, keys: newKeys)
      } else {
        headNorms.apply(queries: queries, keys: newKeys, headDim: configuration.headDim)
      }
    }
    plan.rotary?.apply(to: queries, heads: configuration.heads, positions: plan.positions)
    plan.rotary?.apply(to: newKeys, heads: configuration.kvHeads, positions: plan.positions)
    if attention() { return }
    Attention.forward(
      q: queries, k: keys, v: values, shape: plan.shape, into: attended, logSumExp: logSumExp,
      arithmetic: arithmetic)
  }
}
