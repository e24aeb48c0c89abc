import Numerics

extension Block {
  /// Back through the frozen block: `gradient` [R, d] holds d(loss)/d(output) and becomes
  /// d(loss)/d(input).
  ///
  /// - Parameters:
  ///   - activations: of the forward pass, for all R rows; no cached prefix.
  ///   - rows: the rows whose gradient is wanted below this block: all of them, or (under the first
  ///     block) only the prefix's. The other rows of `gradient` are then without meaning.
  func backward(
    _ gradient: Tensor, activations a: BlockActivations, plan: RowPlan, scratch s: BackwardScratch,
    wanted rows: Range<Int>
  ) {
    down.applyTransposed(gradient, into: s.hidden, arithmetic: arithmetic)
    SwiGLU.backward(s.hidden, gate: a.gate, up: a.up, dGate: s.gate, dUp: s.up)
    gate.applyTransposed(s.gate, into: s.norm, arithmetic: arithmetic)
    up.applyTransposed(s.up, into: s.norm, accumulate: true, arithmetic: arithmetic)
    RMSNorm.backward(
      s.norm, x: a.middle, gain: postNorm, inverseRMS: a.middleScale, into: gradient,
      accumulate: true)

    o.applyTransposed(gradient, into: s.attended, arithmetic: arithmetic)
    Attention.backward(
      dOut: s.attended, q: a.q, k: a.k, v: a.v, out: a.attended, logSumExp: a.logSumExp,
      shape: plan.shape, dq: s.q, dk: s.k, dv: s.v)
    plan.rotary.apply(
      to: s.q, heads: configuration.heads, positions: plan.positions, inverse: true)
    plan.rotary.apply(
      to: s.k, heads: configuration.kvHeads, positions: plan.positions, inverse: true)
    let norm = s.norm.rows(rows)
    q.applyTransposed(s.q.rows(rows), into: norm, arithmetic: arithmetic)
    k.applyTransposed(s.k.rows(rows), into: norm, accumulate: true, arithmetic: arithmetic)
    v.applyTransposed(s.v.rows(rows), into: norm, accumulate: true, arithmetic: arithmetic)
    RMSNorm.backward(
      norm, x: a.input.rows(rows), gain: inputNorm, inverseRMS: a.inputScale.rows(rows),
      into: gradient.rows(rows), accumulate: true)
  }
}
