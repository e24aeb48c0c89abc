import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// An adapter of a frozen model, checked against it and ready for use.
package enum Adapter: Sendable {
  /// Rows [n, e] before the token embeddings: a soft prompt, or a hard one's embeddings.
  case prompt(Tensor)
  /// Keys and values before a text's, in every block.
  case prefix(KeyValues)
  /// Low-rank updates of linear layers.
  case lowRank(LowRankAdapter)

  /// Positions before a text's first token.
  package var tokens: Int { shape.tokens }

  /// All learned numbers, in the order of `AdapterShape`.
  package var parameters: Tensor {
    switch self {
    case .prompt(let vectors): vectors
    case .prefix(let prefix): prefix.rows
    case .lowRank(let parts): parts.parameters
    }
  }

  /// The kind and the sizes, without the token ids of a hard prompt.
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

  /// The model with the low-rank updates, if there are any, and the start of each text.
  /// - Throws: `usage` where the adapter is for a model of another shape.
  package func attached(
    to model: LanguageModel
  ) throws(Failure) -> (model: LanguageModel, start: PromptStart) {
    switch self {
    case .prompt(let vectors): (model, .vectors(vectors))
    case .prefix(let prefix): (model, .keyValues(prefix))
    case .lowRank(let parts): (try model.adapted(by: parts), .none)
    }
  }
}
