import Bytes
import Checkpoints
import Numerics

/// Where a model's weights come from: a checkpoint or a bundle. Nothing is read before it is asked
/// for.
protocol WeightStore: Sendable {
  var configuration: ModelConfiguration { get }
  func contains(_ key: String) -> Bool
  /// A matrix [rows, columns]; a view of the file wherever its layout allows.
  func matrix(_ key: String, rows: Int, columns: Int) throws(Failure) -> Weight
  /// A gain or a bias [count], in float32.
  func vector(_ key: String, count: Int) throws(Failure) -> Tensor
}

extension WeightStore {
  func block(_ index: Int) throws(Failure) -> Block {
    let prefix = "model.layers.\(index)."
    let d = configuration.hiddenSize
    return try Block(
      index: index, configuration: configuration,
      inputNorm: vector(prefix + "input_layernorm.weight", count: d),
      postNorm: vector(prefix + "post_attention_layernorm.weight", count: d)
    ) { name throws(Failure) in
      let (rows, columns) = configuration.shape(of: name)
      let weight = try matrix(name.weightKey(block: index), rows: rows, columns: columns)
      let bias = name.biasKey(block: index)
      return Linear(weight: weight, bias: contains(bias) ? try vector(bias, count: rows) : nil)
    }
  }

  func embedding() throws(Failure) -> Weight {
    try matrix(
      "model.embed_tokens.weight", rows: configuration.vocabularySize,
      columns: configuration.hiddenSize)
  }

  /// The output head; the embedding itself where the two are tied.
  func head(tiedTo embedding: Weight) throws(Failure) -> Weight {
    if configuration.tiedEmbeddings { return embedding }
    return try matrix(
      "lm_head.weight", rows: configuration.vocabularySize, columns: configuration.hiddenSize)
  }
}

func checkShape(
  of key: String, _ found: [Int], is expected: [Int], file: String?
) throws(Failure) {
  guard found != expected else { return }
  throw Failure(
    .invalidData, file: file, at: "tensor \(key)",
    "has the shape \(found), but the model's configuration asks for \(expected)")
}
