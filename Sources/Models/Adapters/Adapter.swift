import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// Learned parameters beside a frozen model, checked against the model's shape: a prompt, a prefix
/// or low-rank updates.
package enum Adapter: Sendable {
  /// A soft prompt [n, e] before the token embeddings, or the embeddings of a hard prompt.
  case prompt(Tensor)
  /// A learned prefix: keys and values in every block, before those of the text.
  case prefix(KeyValues)
  /// Low-rank updates of linear layers (LoRA).
  case lowRank(LowRankAdapter)

  /// Positions before a text's first token; 0 for low-rank updates.
  package var tokens: Int { shape.tokens }

  /// All learned numbers in the order of `AdapterShape`: [n, e] for a prompt,
  /// [layers·2·n, kvHeads·headDim] for a prefix, [count] for low-rank updates.
  package var parameters: Tensor {
    switch self {
    case .prompt(let vectors): vectors
    case .prefix(let prefix): prefix.rows
    case .lowRank(let parts): parts.parameters
    }
  }

  /// Kind and sizes of the adapter, without the token ids of a hard prompt.
  package var shape: AdapterShape {
    switch self {
    case .prompt(let vectors):
      .embeddings(tokens: vectors.rows, width: vectors.columns, ids: nil)
    case .prefix(let prefix):
      .prefix(
        tokens: prefix.tokens, layers: prefix.rows.rows / (2 * prefix.tokens),
        width: prefix.rows.columns)
    case .lowRank(let parts): .lowRank(parts.shape)
    }
  }

  /// Attaches the adapter: returns the model, with the low-rank updates if there are any, and the
  /// prompt rows before each text.
  /// - Throws: `usage` if the adapter is for a model of another shape, `invalidData` if one of its
  ///   numbers isn't finite.
  package func attached(
    to model: LanguageModel
  ) throws(Failure) -> (model: LanguageModel, start: PromptStart) {
    try checkFinite()
    switch self {
    case .prompt(let vectors): return (model, .vectors(vectors))
    case .prefix(let prefix): return (model, .keyValues(prefix))
    case .lowRank(let parts): return (try model.adapted(by: parts), .none)
    }
  }

  /// - Throws: `invalidData` if one of the learned numbers isn't finite.
  func checkFinite() throws(Failure) {
    let numbers = parameters
    guard let bad = numbers.firstNonFinite else { return }
    throw Failure(
      .invalidData, at: "adapter", "its number \(bad) is \(numbers[bad])",
      advice: "learn the adapter again, or fetch its file again", reason: .notFinite)
  }
}
