import Bytes
import Checkpoints
import Numerics

/// The keys (rotated where the model does that) and values that a soft prompt has in every block of one model: what a prompt
/// costs is paid once, not per text.
package struct PromptKeyValues: Sendable {
  /// Rows of the prompt.
  package let tokens: Int
  /// float16, [layers, 2, tokens, kvHeads·headDim]: per block all keys, then all values.
  package let values: ByteSlice

  /// Runs `prompt` [n, e] through the model.
  package init(of prompt: Tensor, in model: LanguageModel) throws(Failure) {
    let c = model.configuration
    let cache = try KeyValueCache(of: prompt, in: model)
    tokens = prompt.rows
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount(c, tokens: tokens))
    for layer in 0..<c.layers {
      let (k, v) = cache.rows(tokens, layer: layer)
      bytes += k.float16Bytes
      bytes += v.float16Bytes
    }
    values = ByteSlice(bytes)
  }

  /// What was stored before.
  /// - Throws: `invalidData` where the size isn't that of this model's blocks.
  package init(
    stored values: ByteSlice, tokens: Int, for configuration: ModelConfiguration
  ) throws(Failure) {
    let expected = Self.byteCount(configuration, tokens: tokens)
    guard tokens > 0, values.count == expected else {
      throw Failure(
        .invalidData,
        "a prompt's keys and values are \(values.count) bytes; \(tokens) tokens in this model have"
          + " \(expected)")
    }
    self.tokens = tokens
    self.values = values
  }

  static func byteCount(_ c: ModelConfiguration, tokens: Int) -> Int {
    c.layers * 2 * tokens * c.kvHeads * c.headDim * 2
  }

  func cache(for model: LanguageModel, room: Int) throws(Failure) -> KeyValueCache {
    let c = model.configuration
    let width = c.kvHeads * c.headDim
    guard values.count == Self.byteCount(c, tokens: tokens) else {
      throw Failure(.usage, "the prompt's keys and values are of another model")
    }
    let cache = KeyValueCache(c, capacity: tokens + room)
    let rows = Weight.stored(.float16, values, rows: c.layers * 2 * tokens, columns: width)
    for layer in 0..<c.layers {
      let (k, v) = cache.rows(tokens, layer: layer)
      for (index, part) in [k, v].enumerated() {
        let first = (2 * layer + index) * tokens
        rows.gather((first..<first + tokens).map(Int32.init), into: part)
      }
    }
    cache.keep(tokens)
    return cache
  }
}
