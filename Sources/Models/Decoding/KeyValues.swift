import Bytes
import Checkpoints
import Numerics

/// Keys and values of n positions before a text, in every block of one model: those of a soft
/// prompt, computed once, or a learned prefix (Li and Liang, arXiv 2101.00190).
///
/// Keys have the form in which they enter the cache: a soft prompt's after rotary embedding, a
/// prefix's as learned. Texts begin at position n.
package struct KeyValues: Sendable {
  /// Positions, n.
  package let tokens: Int
  /// Keys and values [layers·2·n, kvHeads·headDim]: per block all keys, then all values.
  package let rows: Tensor

  /// - Parameter rows: [layers·2·n, kvHeads·headDim], used without a copy.
  /// - Throws: `usage` if the shape doesn't fit the model's blocks.
  package init(rows: Tensor, tokens: Int, for c: ModelConfiguration) throws(Failure) {
    let width = c.kvHeads * c.headDim
    guard tokens > 0, rows.shape == [c.layers * 2 * tokens, width] else {
      throw Failure(
        .usage,
        "keys and values of \(tokens) positions have the shape \(rows.shape); the model's"
          + " \(c.layers) blocks need [\(c.layers * 2 * tokens), \(width)]",
        advice: "use a prefix that was learned for this model")
    }
    self.tokens = tokens
    self.rows = rows
  }

  /// Computes the keys and values of a soft prompt [n, e] by one pass through the model.
  /// - Throws: `usage` if the prompt's width isn't the model's.
  package init(of prompt: Tensor, in model: LanguageModel) throws(Failure) {
    let c = model.configuration
    let n = prompt.rows
    let cache = try KeyValueCache(of: prompt, in: model)
    try self.init(
      rows: Tensor([c.layers * 2 * n, c.kvHeads * c.headDim]), tokens: n, for: c)
    for layer in 0..<c.layers {
      let (k, v) = cache.rows(n, layer: layer)
      keys(of: layer).copy(from: k)
      values(of: layer).copy(from: v)
    }
  }

  /// Decodes keys and values that a bundle stores in float16, [layers, 2, n, kvHeads·headDim].
  /// - Throws: `invalidData` if the size doesn't fit the model's blocks, or a number isn't finite.
  package init(
    stored values: ByteSlice, tokens: Int, for c: ModelConfiguration
  ) throws(Failure) {
    let shape = [c.layers * 2 * tokens, c.kvHeads * c.headDim]
    let expected = shape[0] * shape[1] * FloatFormat.float16.byteCount
    guard tokens > 0, values.count == expected else {
      throw Failure(
        .invalidData,
        "a prompt's stored keys and values have \(values.count) bytes; \(tokens) tokens in this"
          + " model need \(expected)")
    }
    guard values.isFinite(as: .float16) else {
      throw Failure(
        .invalidData, "a prompt's stored keys and values aren't all finite numbers",
        advice: "the bundle is damaged; build it again, or keep the cache in float32")
    }
    try self.init(rows: Tensor(shape, values.floats(as: .float16)), tokens: tokens, for: c)
  }

  /// All rows rounded to float16, as a bundle stores them.
  /// - Throws: `invalidData` if one is beyond float16's range, or isn't finite.
  package var float16Bytes: ByteSlice {
    get throws(Failure) {
      let bytes = ByteSlice(rows.float16Bytes)
      guard !bytes.isFinite(as: .float16) else { return bytes }
      let index = rows.values.firstIndex { !Float16($0).isFinite } ?? 0
      let (row, column) = (index / rows.columns, index % rows.columns)
      throw Failure(
        .invalidData, at: "layer \(row / (2 * tokens)), position \(row % tokens)",
        "number \(column) of the \(row / tokens % 2 == 0 ? "keys" : "values") is \(rows[index]),"
          + " but a bundle stores them in float16, whose largest number is 65504",
        advice: "build without stored keys and values (`prompt: {key_values: false}`)")
    }
  }

  /// Keys of block `layer` [n, kvHeads·headDim], a view.
  package func keys(of layer: Int) -> Tensor {
    rows.rows(2 * layer * tokens..<(2 * layer + 1) * tokens)
  }

  /// Values of block `layer` [n, kvHeads·headDim], a view.
  package func values(of layer: Int) -> Tensor {
    rows.rows((2 * layer + 1) * tokens..<(2 * layer + 2) * tokens)
  }

  /// Copies the keys and values of block `layer` to the first n rows of `k` and `v`.
  func enter(_ layer: Int, keys k: Tensor, values v: Tensor) {
    k.rows(0..<tokens).copy(from: keys(of: layer))
    v.rows(0..<tokens).copy(from: values(of: layer))
  }

  /// A cache that begins with these keys and values and has room for `room` more rows.
  /// - Throws: `usage` if they are for a model of another shape.
  package func cache(for c: ModelConfiguration, room: Int) throws(Failure) -> KeyValueCache {
    _ = try KeyValues(rows: rows, tokens: tokens, for: c)
    let cache = KeyValueCache(c, capacity: tokens + room)
    for layer in 0..<c.layers {
      let (k, v) = cache.rows(tokens, layer: layer)
      enter(layer, keys: k, values: v)
    }
    cache.keep(tokens)
    return cache
  }
}
