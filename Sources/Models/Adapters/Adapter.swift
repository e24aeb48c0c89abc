import Bytes
import Checkpoints
import Numerics

/// Learned parameters beside a frozen model, ready for use with it.
package enum Adapter: Sendable {
  /// Rows [n, e] before the token embeddings: a soft prompt, or a hard one's embeddings.
  case prompt(Tensor)
  case prefix(Prefix)
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

  package var shape: AdapterShape {
    switch self {
    case .prompt(let vectors): .prompt(tokens: vectors.rows)
    case .prefix(let prefix): .prefix(tokens: prefix.tokens)
    case .lowRank(let parts): .lowRank(parts.shape)
    }
  }

  /// The model with low-rank parts beside its layers, if any, and the rows before each text.
  /// - Throws: `usage` where this isn't for such a model.
  package func attached(
    to model: LanguageModel
  ) throws(Failure) -> (model: LanguageModel, start: PromptStart) {
    switch self {
    case .prompt(let vectors): (model, .vectors(vectors))
    case .prefix(let prefix): (model, .prefix(prefix))
    case .lowRank(let parts): (try model.adapted(by: parts), .none)
    }
  }
}

/// The kind and the sizes of an adapter; with them, a flat array of numbers is one.
package enum AdapterShape: Sendable, Equatable {
  /// [n, e], row by row.
  case prompt(tokens: Int)
  /// [layers, 2, n, kvHeads · headDim]: per block all keys, then all values.
  case prefix(tokens: Int)
  /// Per layer A [r, inputs], then B [outputs, r].
  case lowRank(LowRankShape)

  /// Positions before a text's first token.
  package var tokens: Int {
    switch self {
    case .prompt(let tokens), .prefix(let tokens): tokens
    case .lowRank: 0
    }
  }

  /// Numbers to learn.
  package func count(_ c: ModelConfiguration) -> Int {
    switch self {
    case .prompt(let tokens): tokens * c.embeddingSize
    case .prefix(let tokens): c.layers * 2 * tokens * c.kvHeads * c.headDim
    case .lowRank(let shape): shape.count(c)
    }
  }

  /// The adapter that `parameters`, as many as `count` says, make; without a copy.
  /// - Throws: `usage` where they don't fit the model.
  package func adapter(
    _ parameters: Tensor, for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    let count = count(c)
    guard parameters.count == count else {
      throw Failure(
        .usage, "\(parameters.count) numbers for an adapter that has \(count) in this model",
        advice: "an adapter fits only models of its own shape")
    }
    switch self {
    case .prompt(let tokens): return .prompt(parameters.reshaped([tokens, c.embeddingSize]))
    case .prefix(let tokens):
      let rows = parameters.reshaped([c.layers * 2 * tokens, c.kvHeads * c.headDim])
      return .prefix(try Prefix(rows: rows, tokens: tokens, for: c))
    case .lowRank(let shape):
      return .lowRank(try LowRankAdapter(parameters: parameters, shape: shape, for: c))
    }
  }

  /// The adapter that `parameters`, as many as `count` says, make.
  /// - Throws: `usage` where they don't fit the model.
  package func adapter(
    _ parameters: [Float], for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    try adapter(Tensor([parameters.count], parameters), for: c)
  }
}
