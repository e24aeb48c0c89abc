import Bytes
import Checkpoints
import Numerics

/// Learned keys and values before every text in each block (prefix tuning, Li and Liang, arXiv
/// 2101.00190), without a reparametrising projection.
///
/// Keys are as the cache holds them, so they are never rotated. Texts begin at position n.
package struct Prefix: Sendable {
  /// Rows per block, n.
  package let tokens: Int
  /// [layers · 2 · n, kvHeads · headDim]: per block all keys, then all values.
  package let rows: Tensor

  /// - Parameter rows: [layers · 2 · n, kvHeads · headDim], taken without a copy.
  /// - Throws: `usage` where they aren't those of the model's blocks.
  package init(rows: Tensor, tokens: Int, for c: ModelConfiguration) throws(Failure) {
    let width = c.kvHeads * c.headDim
    guard tokens > 0, rows.shape == [c.layers * 2 * tokens, width] else {
      throw Failure(
        .usage,
        "a prefix of \(tokens) rows is \(rows.shape); the model's \(c.layers) blocks ask for"
          + " [\(c.layers * 2 * tokens), \(width)]",
        advice: "a prefix fits only models of its own shape")
    }
    self.tokens = tokens
    self.rows = rows
  }

  /// The keys and values that a soft prompt [n, e] has in the model. Learning begins there, so that it begins
  /// as good as the prompt is.
  package init(of prompt: Tensor, in model: LanguageModel) throws(Failure) {
    let c = model.configuration
    let n = prompt.rows
    let known = try KeyValueCache(of: prompt, in: model)
    let rows = Tensor([c.layers * 2 * n, c.kvHeads * c.headDim])
    try self.init(rows: rows, tokens: n, for: c)
    for layer in 0..<c.layers {
      let (k, v) = known.rows(n, layer: layer)
      keys(of: layer).copy(from: k)
      values(of: layer).copy(from: v)
    }
  }

  /// [n, kvHeads · headDim], a view.
  package func keys(of layer: Int) -> Tensor {
    rows.rows(2 * layer * tokens..<(2 * layer + 1) * tokens)
  }

  /// [n, kvHeads · headDim], a view.
  package func values(of layer: Int) -> Tensor {
    rows.rows((2 * layer + 1) * tokens..<(2 * layer + 2) * tokens)
  }

  /// Copies a block's rows to the beginning of its keys and values.
  func enter(_ layer: Int, keys k: Tensor, values v: Tensor) {
    k.rows(0..<tokens).copy(from: keys(of: layer))
    v.rows(0..<tokens).copy(from: values(of: layer))
  }

  /// A cache that begins with the prefix, with `room` more rows.
  /// - Throws: `usage` where the prefix is another model's.
  func cache(for c: ModelConfiguration, room: Int) throws(Failure) -> KeyValueCache {
    _ = try Prefix(rows: rows, tokens: tokens, for: c)
    let cache = KeyValueCache(c, capacity: tokens + room)
    for layer in 0..<c.layers {
      let (k, v) = cache.rows(tokens, layer: layer)
      enter(layer, keys: k, values: v)
    }
    cache.keep(tokens)
    return cache
  }
}
