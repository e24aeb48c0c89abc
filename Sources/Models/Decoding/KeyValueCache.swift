import Bytes
import Checkpoints
import Numerics

/// Keys (rotated where the model does that) and values of the rows already computed, for every block:
/// a prompt shared by many windows, or the past of a text being generated.
package final class KeyValueCache {
  /// Rows that hold a prefix.
  package private(set) var count: Int = 0
  private var keys: [Tensor]
  private var values: [Tensor]
  private let width: Int

  /// - Parameter capacity: rows to make room for, the prefix and what is appended to it.
  package init(_ configuration: ModelConfiguration, capacity: Int) {
    width = configuration.kvHeads * configuration.headDim
    keys = (0..<configuration.layers).map { [width] _ in Tensor([capacity, width]) }
    values = (0..<configuration.layers).map { [width] _ in Tensor([capacity, width]) }
  }

  /// The keys and values of `prompt` [n, e], computed alone at positions 0 ..< n.
  /// - Throws: `usage` where the prompt's width isn't the model's.
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

  /// Makes room for `capacity` rows; the prefix stays.
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

  /// Keys and values of block `layer`, the first `rows` rows: the prefix, then the rows of the
  /// pass.
  package func rows(_ rows: Int, layer: Int) -> (k: Tensor, v: Tensor) {
    (keys[layer].rows(0..<rows), values[layer].rows(0..<rows))
  }

  /// Takes the first `count` rows as the prefix from now on.
  package func keep(_ count: Int) { self.count = count }
}
