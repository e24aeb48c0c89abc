import Bytes
import Numerics

/// A prompt in the form in which it enters a model: the rows before a text's own.
package enum PromptStart: Sendable {
  case none
  /// A soft prompt [n, e], not yet run through the model.
  case vectors(Tensor)
  /// Keys and values in every block of the same model: a prompt's, or a learned prefix.
  case keyValues(KeyValues)

  /// Rows of the prompt, n; 0 without one.
  package var count: Int {
    switch self {
    case .none: 0
    case .vectors(let vectors): vectors.rows
    case .keyValues(let known): known.tokens
    }
  }

  /// A cache with the prompt's keys and values in every block of `model`; vectors are run through
  /// the model first. Without a prompt the cache is empty.
  /// - Parameter room: further rows to allocate.
  /// - Throws: `usage` if the prompt isn't for this model.
  package func cache(for model: LanguageModel, room: Int = 0) throws(Failure) -> KeyValueCache {
    guard case .vectors(let prompt) = self, prompt.rows > 0 else {
      return try known(for: model, room: room)
        ?? KeyValueCache(model.configuration, capacity: room)
    }
    let cache = try KeyValueCache(of: prompt, in: model)
    cache.reserve(prompt.rows + room)
    return cache
  }

  /// Input rows of the first pass [rows, e]: the prompt's vectors if its keys and values aren't
  /// known yet, then the embeddings of `ids`.
  func rows(before ids: [Int32], model: LanguageModel) throws(Failure) -> Tensor {
    let text = try model.embed(ids)
    guard case .vectors(let prompt) = self, prompt.rows > 0 else { return text }
    try model.check(prompt: prompt)
    let rows = Tensor([prompt.rows + ids.count, model.configuration.embeddingSize])
    rows.rows(0..<prompt.rows).copy(from: prompt)
    if !ids.isEmpty { rows.rows(prompt.rows..<rows.rows).copy(from: text) }
    return rows
  }

  /// A cache with the keys and values that are known without a forward pass, and room for `room`
  /// more rows; nil if none are known.
  func known(for model: LanguageModel, room: Int) throws(Failure) -> KeyValueCache? {
    switch self {
    case .none, .vectors: return nil
    case .keyValues(let known): return try known.cache(for: model.configuration, room: room)
    }
  }
}
