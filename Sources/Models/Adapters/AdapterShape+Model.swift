import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// The shapes of adapters for a model.
extension AdapterShape {
  /// A soft prompt of `tokens` rows, or with `ids` the hard prompt of these tokens.
  package static func prompt(
    tokens: Int, ids: [Int32]? = nil, in c: ModelConfiguration
  ) -> AdapterShape {
    .embeddings(tokens: tokens, width: c.embeddingSize, ids: ids)
  }

  /// A prefix of `tokens` rows in every block.
  package static func prefix(tokens: Int, in c: ModelConfiguration) -> AdapterShape {
    .prefix(tokens: tokens, layers: c.layers, width: c.kvHeads * c.headDim)
  }

  /// - Throws: `usage` where the shape is for another model.
  package func check(_ c: ModelConfiguration) throws(Failure) {
    switch self {
    case .embeddings(_, let width, _):
      guard width == c.embeddingSize else {
        throw Failure(
          .usage, "its vectors are \(width) wide, the model's \(c.embeddingSize)",
          advice: "a prompt fits only models of its own width")
      }
    case .prefix(_, let layers, let width):
      guard layers == c.layers, width == c.kvHeads * c.headDim else {
        throw Failure(
          .usage,
          "it has rows of \(width) for \(layers) blocks, the model rows of"
            + " \(c.kvHeads * c.headDim) in \(c.layers)",
          advice: "a prefix fits only models of its own shape")
      }
    case .lowRank(let shape): _ = try shape.layers(in: c)
    }
  }

  /// The adapter of this shape with the values `parameters` [count], taken without a copy.
  /// - Throws: `usage` where the shape or the count doesn't fit the model.
  package func adapter(
    _ parameters: Tensor, for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    try check(c)
    guard let count, parameters.count == count else {
      throw Failure(
        .usage,
        "\(parameters.count) numbers for an adapter that has \(count ?? 0) in this model",
        advice: "an adapter fits only models of its own shape")
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

  /// The adapter of this shape with the values `parameters`.
  /// - Throws: `usage` where the shape or the count doesn't fit the model.
  package func adapter(
    _ parameters: [Float], for c: ModelConfiguration
  ) throws(Failure) -> Adapter {
    try adapter(Tensor([parameters.count], parameters), for: c)
  }
}

extension Adapter {
  /// An adapter of a bundle, for a model of this shape.
  /// - Throws: `usage` where it is for another.
  package init(_ stored: StoredAdapter, for c: ModelConfiguration) throws(Failure) {
    do throws(Failure) {
      self = try stored.shape.adapter(stored.values, for: c)
    } catch {
      throw error.located(at: "prompt “\(stored.name)”")
    }
  }
}
