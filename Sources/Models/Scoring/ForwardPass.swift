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
  /// Activations of the block that ran last.
  let activations: BlockActivations
  private let scratch: ForwardScratch
  /// The input of the residual stream, kept for a second run that looks for a cause.
  private var entered = Entered.nothing

  private enum Entered {
    case nothing
    case rows(Tensor)
    case ids([Int32])
  }

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
    entered = .rows(rows)
    model.input.enter(rows, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Writes the embeddings of tokens `ids` [R] to the residual stream.
  package func enter(_ ids: [Int32]) {
    entered = .ids(ids)
    model.input.enter(ids, at: plan.positions, into: x, arithmetic: model.arithmetic)
  }

  /// Runs all blocks in place on `x`.
  ///
  /// - Parameters:
  ///   - cache: a cache whose prefix is the plan's; the new keys and values are kept after it.
  ///   - attention: called with each block's index once its queries, keys and values are computed;
  ///     returns true if it has filled `attended` itself, in place of the plan's attention.
  /// - Throws: `invalidData` if the last block's output isn't finite, with the tensor or the layer
  ///   and position that cause it.
  package func run(
    cache: KeyValueCache? = nil,
    attention: (BlockActivations, Int) -> Bool = { _, _ in false }
  ) throws(Failure) {
    for layer in 0..<model.configuration.layers { try run(layer, cache, attention) }
    // Once the residual stream has a NaN or an infinity, no later block removes it.
    guard x.firstNonFinite == nil else { throw cause(cache, attention) }
  }

  /// Runs one block in place on `x`, without a check of its output.
  func run(
    _ layer: Int, _ cache: KeyValueCache?,
    _ attention: (BlockActivations, Int) -> Bool = { _, _ in false }
  ) throws(Failure) {
    if let cache {
      (activations.k, activations.v) = cache.rows(plan.keyRows, layer: layer)
    }
    try model.block(layer).forward(activations, plan: plan, scratch: scratch, into: x) {
      attention(activations, layer)
    }
  }

  /// Why a run ended with numbers that aren't finite: a damaged tensor, or the first layer that
  /// has such an output when all blocks run again.
  private func cause(
    _ cache: KeyValueCache?, _ attention: (BlockActivations, Int) -> Bool
  ) -> Failure {
    if let damaged = model.damagedTensor() { return damaged }
    switch entered {
    case .nothing: break
    case .rows(let rows): enter(rows)
    case .ids(let ids): enter(ids)
    }
    func overflow(_ place: String) -> Failure? {
      x.firstNonFinite.map {
        model.overflow(
          at: "\(place), \(plan.place(of: $0 / x.columns))", "the output is \(x[$0])")
      }
    }
    do throws(Failure) {
      if let failure = overflow("input layer") { return failure }
      for layer in 0..<model.configuration.layers {
        try run(layer, cache, attention)
        if let failure = overflow("layer \(layer)") { return failure }
      }
    } catch {
      return error
    }
    return Failure(.internalError, "a forward pass gave other numbers when it ran again")
  }

  /// Input rows of the output head [rows.count, e] for rows of `x`.
  /// - Throws: `invalidData` if they aren't finite.
  package func hidden(_ rows: Range<Int>) throws(Failure) -> Tensor {
    let out = Tensor([rows.count, model.configuration.embeddingSize])
    model.output.hidden(x.rows(rows), arithmetic: model.arithmetic, into: out)
    if let bad = out.firstNonFinite {
      throw model.notFinite(
        at: "output layer, \(plan.place(of: rows.lowerBound + bad / out.columns))",
        "the input of the head is \(out[bad])")
    }
    return out
  }
}
