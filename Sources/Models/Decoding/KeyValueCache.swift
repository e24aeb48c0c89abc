import Bytes
import Checkpoints
import Numerics

/// Keys (after rotary embedding if the model has one) and values of rows already computed, for
/// every block: a prompt shared by many windows, or the past of a text being generated.
package final class KeyValueCache {
  /// Rows of the prefix, the first ones of the cache.
  package private(set) var count: Int = 0
  private var keys: [Tensor]
  private var values: [Tensor]
  private let width: Int

  /// - Parameter capacity: rows to allocate, for the prefix and the rows after it.
  package init(_ configuration: ModelConfiguration, capacity: Int) {
    width = configuration.kvHeads * configuration.headDim
    keys = (0..<configuration.layers).map { [width] _ in Tensor([capacity, width]) }
    values = (0..<configuration.layers).map { [width] _ in Tensor([capacity, width]) }
  }

  /// Computes the keys and values of `prompt` [n, e] alone, at positions 0 ..< n.
  /// - Throws: `usage` if the prompt's width isn't the model's.
  convenience init(of prompt: Tensor, in model: LanguageModel) throws(Failure) {
    try model.check(prompt: prompt)
    self.init(model.configuration, capacity: prompt.rows)
    let plan = try RowPlan(
      model.configuration, sequences: 1, length: prompt.rows, cachedPrefix: true)
    let pass = ForwardPass(model, plan: plan, cache: self)
    pass.enter(prompt)
    try pass.run(cache: self)
    keep(prompt.rows)
  }

  /// Grows the cache to at least `capacity` rows; the prefix is kept.
  package func reserve(_ capacity: Int) {
    guard let first = keys.first, first.rows < capacity else { return }
    keys = keys.map { grown($0, to: capacity) }
    values = values.map { grown($0, to: capacity) }
  }

  private func grown(_ old: Tensor, to capacity: Int) -> Tensor {
    let new = Tensor([capacity, width])
    if count > 0 { new.rows(0..<count).copy(from: old.rows(0..<count)) }
    return new
  }

  /// The first `rows` rows of the keys and values of block `layer`, [rows, kvHeads·headDim] each,
  /// as views: the prefix, then the rows of the current pass.
  package func rows(_ rows: Int, layer: Int) -> (k: Tensor, v: Tensor) {
    (keys[layer].rows(0..<rows), values[layer].rows(0..<rows))
  }

  /// Makes the first `count` rows the prefix.
  package func keep(_ count: Int) { self.count = count }
}
