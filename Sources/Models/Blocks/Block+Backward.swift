import Numerics

extension Block {
  /// Backward pass through the frozen block: `gradient` [R, d] holds d(loss)/d(output) and becomes
  /// d(loss)/d(input).
  ///
  /// - Parameters:
  ///   - activations: the forward pass's activations, for all R rows.
  ///   - rows: the input rows that need a gradient: all of them, or (below the first block) only
  ///     the prefix's, or none. The other rows of `gradient` are undefined afterwards.
  ///   - learned: receives the gradients with respect to parameters inside the block; nil if none
  ///     are learned.
  func backward(
    _ gradient: Tensor, activations a: BlockActivations, plan: RowPlan, scratch s: BackwardScratch,
    wanted rows: Range<Int>, learned: BlockGradients? = nil
  ) {
    feedForwardBackward(gradient, a, s, learned)
    attentionBackward(gradient, a, plan, s, wanted: rows, learned)
  }

  /// Turns the gradient with respect to the block's output into that with respect to `a.middle`, in
  /// place.
  private func feedForwardBackward(
    _ gradient: Tensor, _ a: BlockActivations, _ s: BackwardScratch, _ learned: BlockGradients?
  ) {
    if let norm = norms.afterFeedForward, let ending = a.ending {
      norm.backward(
        gradient, x: ending.sum, statistics: ending.statistics, into: gradient, accumulate: false)
    }
    learned?.take([(.down, gradient)], of: self) { again in
      feedForward.activate(a.wide, into: again.hidden)
      return again.hidden
    }
    feedForward.down.applyTransposed(gradient, into: s.hidden, arithmetic: arithmetic)
    feedForward.activateBackward(s.hidden, a.wide, into: s.wide)
    learned?.take(s.wide.byLayer, of: self) { again in
      norms.middle.forward(a.middle, into: again.norm)
      return again.norm
    }
    if norms.beforeFeedForward != nil {
      feedForward.widenTransposed(s.wide, into: s.norm, accumulate: false, arithmetic: arithmetic)
      norms.middle.backward(
        s.norm, x: a.middle, statistics: a.middleStatistics, into: gradient, accumulate: true)
    } else {
      feedForward.widenTransposed(s.wide, into: gradient, accumulate: true, arithmetic: arithmetic)
      norms.middle.backward(
        gradient, x: a.middle, statistics: a.middleStatistics, into: gradient, accumulate: false)
    }
  }

  /// Turns the gradient with respect to `a.middle` into that with respect to `rows` of the block's
  /// input, in place.
  private func attentionBackward(
    _ gradient: Tensor, _ a: BlockActivations, _ plan: RowPlan, _ s: BackwardScratch,
    wanted rows: Range<Int>, _ learned: BlockGradients?
  ) {
    learned?.take([(.o, gradient)], of: self) { _ in a.attended }
    o.applyTransposed(gradient, into: s.attended, arithmetic: arithmetic)
    Attention.backward(
      dOut: s.attended, q: a.q, k: a.k, v: a.v, out: a.attended, logSumExp: a.logSumExp,
      shape: plan.shape, dq: s.q, dk: s.k, dv: s.v, arithmetic: arithmetic)
    if let prefix = learned?.prefix {
      prefix.keys.copy(from: s.k.rows(0..<plan.shape.prefix))
      prefix.values.copy(from: s.v.rows(0..<plan.shape.prefix))
    }
    let (dk, dv) = (s.k.rows(plan.newKeyRows), s.v.rows(plan.newKeyRows))
    plan.rotary?.apply(
      to: s.q, heads: configuration.heads, positions: plan.positions, inverse: true)
    plan.rotary?.apply(
      to: dk, heads: configuration.kvHeads, positions: plan.positions, inverse: true)
    if let headNorms, let kept = a.headNorms {
      kept.backward(headNorms, queries: s.q, keys: dk)
    }
    learned?.take([(.q, s.q), (.k, dk), (.v, dv)], of: self) { again in
      guard let norm = norms.beforeAttention else { return a.input }
      norm.forward(a.input, into: again.norm)
      return again.norm
    }
    if rows.isEmpty { return }
    let below = gradient.rows(rows)
    let target = norms.beforeAttention == nil ? below : s.norm.rows(rows)
    q.applyTransposed(
      s.q.rows(rows), into: target, accumulate: norms.beforeAttention == nil,
      arithmetic: arithmetic)
    k.applyTransposed(dk.rows(rows), into: target, accumulate: true, arithmetic: arithmetic)
    v.applyTransposed(dv.rows(rows), into: target, accumulate: true, arithmetic: arithmetic)
    norms.beforeAttention?.backward(
      target, x: a.input.rows(rows), statistics: a.inputStatistics.rows(rows), into: below,
      accumulate: true)
  }
}
