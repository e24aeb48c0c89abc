import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// Adapter shapes for a model, from its configuration.
extension AdapterShape {
  /// The shape of a soft prompt of `tokens` rows, or with `ids` of the hard prompt of these tokens.
  package static func prompt(
    tokens: Int, ids: [Int32]? = nil, in c: ModelConfiguration
  ) -> AdapterShape {
    .embeddings(tokens: tokens, width: c.embeddingSize, ids: ids)
  }

  /// The shape of a prefix of `tokens` rows in every block.
  package static func prefix(tokens: Int, in c: ModelConfiguration) -> AdapterShape {
    .prefix(tokens: tokens, layers: c.layers, width: c.kvHeads * c.headDim)
  }

  /// Checks that an adapter of this shape fits the model.
  /// - Throws: `usage` if it doesn't.
  package func check(_ c: ModelConfiguration) throws(Failure) {
    switch self {
    case .embeddings(_, let width, _):
      guard width == c.embeddingSize else {
        throw Failure(
          .usage,
          "the prompt's vectors are \(width) wide, the model's embeddings \(c.embeddingSize)",
          advice: "use a prompt that was learned for this model")
      }
    case .prefix(_, let layers, let width):
      guard layers == c.layers, width == c.kvHeads * c.headDim else {
        throw Failure(
          .usage,
          "the prefix has keys \(width) wide in \(layers) blocks, the model keys"
            + " \(c.kvHeads * c.headDim) wide in \(c.layers)",
          advice: "use a prefix that was learned for this model")
      }
    case .lowRank(let shape): _ = try shape.layers(in: c)
    }
  }

  /// The adapter of this shape with the numbers `parameters` [count], used without a copy.
  /// - Throws: `usage` if the shape or the count doesn't fit the model.
  package func adapter(
    _ parameters: Tensor, for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    try check(c)
    guard let count, parameters.count == count else {
      throw Failure(
        .usage,
        "the adapter has \(parameters.count) numbers; its shape needs \(count ?? 0) in this model",
        advice: "use an adapter that was learned for this model")
    }
    switch self {
    case .embeddings(let tokens, let width, _):
      return .prompt(parameters.reshaped([tokens, width]))
    case .prefix(let tokens, let layers, let width):
      let rows = parameters.reshaped([layers * 2 * tokens, width])
      return .prefix(try KeyValues(rows: rows, tokens: tokens, for: c))
    case .lowRank(let shape):
      return .lowRank(try LowRankAdapter(parameters: parameters, shape: shape, for: c))
    }
  }

  /// The adapter of this shape with a copy of the numbers `parameters`, [count].
  /// - Throws: `usage` if the shape or the count doesn't fit the model.
  package func adapter(
    _ parameters: [Float], for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    try adapter(Tensor([parameters.count], parameters), for: c)
  }
}

extension Adapter {
  /// Loads an adapter that a bundle stores, for a model of configuration `c`.
  /// - Throws: `usage` if the adapter is for a model of another shape.
  package init(_ stored: StoredAdapter, for c: ModelConfiguration) throws(Failure) {
    do throws(Failure) {
      self = try stored.shape.adapter(stored.values, for: c)
    } catch {
      throw error.located(at: "prompt “\(stored.name)”")
    }
  }
}
