import Bytes
import Numerics

/// What stands before a text that is continued.
package enum PromptStart: Sendable {
  case none
  /// A soft prompt [n, e], to be run through the model.
  case vectors(Tensor)
  /// Keys and values in every block of this very model: a prompt's, or a learned prefix.
  case keyValues(KeyValues)
  /// Of several prompts the one that the text chooses.
  case routed(PromptRouting)

  /// The rows that must go through the model: the prompt's where they aren't known yet, then the
  /// text's.
  func rows(before ids: [Int32], model: LanguageModel) throws(Failure) -> Tensor {
    let text = try model.embed(ids)
    guard case .vectors(let prompt) = self, prompt.rows > 0 else { return text }
    try model.check(prompt: prompt)
    let rows = Tensor([prompt.rows + ids.count, model.configuration.embeddingSize])
    rows.rows(0..<prompt.rows).copy(from: prompt)
    if !ids.isEmpty { rows.rows(prompt.rows..<rows.rows).copy(from: text) }
    return rows
  }

  /// A cache that begins with the prompt, with `room` more rows; nil where nothing is known, or the text is
  /// yet to choose.
  func keyValues(for model: LanguageModel, room: Int) throws(Failure) -> KeyValueCache? {
    switch self {
    case .none, .vectors, .routed: return nil
    case .keyValues(let known): return try known.cache(for: model.configuration, room: room)
    }
  }
}
