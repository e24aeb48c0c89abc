import Bytes
import Checkpoints
import Numerics

/// Loading of a model's layers from its tensors, whose shapes are checked against the
/// configuration.
extension TensorSource {
  /// Loads block `index` (0 ..< layers).
  /// - Throws: `invalidData` if a tensor is missing or doesn't have the configuration's shape.
  func block(_ index: Int) throws(Failure) -> Block {
    let (c, keys) = (configuration, configuration.keys)
    return try Block(
      index: index, configuration: c,
      attentionNorm: norm(keys.attentionNorm(block: index)),
      feedForwardNorm: norm(keys.feedForwardNorm(block: index)),
      headNorms: headNorms(index)
    ) { name throws(Failure) in
      let (rows, columns) = c.shape(of: name)
      let weight = try matrix(keys.weight(of: name, block: index), rows: rows, columns: columns)
      guard c.hasBias(name) else { return Linear(weight: weight) }
      return Linear(
        weight: weight, bias: try vector(keys.bias(of: name, block: index), count: rows))
    }
  }

  private func headNorms(_ index: Int) throws(Failure) -> HeadNorms? {
    let (c, keys) = (configuration, configuration.keys)
    guard c.design.hasHeadNorms else { return nil }
    func norm(_ key: String) throws(Failure) -> Norm {
      .rms(gain: try vector(key + ".weight", count: c.headDim), epsilon: c.normEpsilon)
    }
    return HeadNorms(
      query: try norm(keys.queryNorm(block: index)), key: try norm(keys.keyNorm(block: index)))
  }

  /// - Parameter key: the norm's name without `.weight` or `.bias`.
  private func norm(_ key: String) throws(Failure) -> Norm {
    let (d, epsilon) = (configuration.hiddenSize, configuration.normEpsilon)
    switch configuration.design.norm {
    case .rms: return .rms(gain: try vector(key + ".weight", count: d), epsilon: epsilon)
    case .layer(hasWeights: true):
      return .layer(
        gain: try vector(key + ".weight", count: d), bias: try vector(key + ".bias", count: d),
        epsilon: epsilon)
    case .layer(hasWeights: false):
      let ones = Tensor([d])
      ones.fill(1)
      return .layer(gain: ones, bias: Tensor([d]), epsilon: epsilon)
    }
  }

  /// Loads token embeddings, projection and learned positions.
  /// - Throws: `invalidData` if a tensor is missing or doesn't have the configuration's shape.
  func input() throws(Failure) -> InputLayer {
    let (c, keys) = (configuration, configuration.keys)
    var positions: (table: Weight, offset: Int)?
    if case .learned(let offset) = c.design.positions, let rows = c.positionRows {
      positions = (try matrix(keys.positions, rows: rows, columns: c.hiddenSize), offset)
    }
    return InputLayer(
      embedding: try matrix(keys.embedding, rows: c.vocabularySize, columns: c.embeddingSize),
      projection: try projection(
        keys.inputProjection, rows: c.hiddenSize, columns: c.embeddingSize),
      positions: positions)
  }

  /// Loads final norm, projection and output head.
  /// - Parameter embedding: the token embeddings, which are the head too if the two are tied.
  /// - Throws: `invalidData` if a tensor is missing or doesn't have the configuration's shape.
  func output(tiedTo embedding: Weight) throws(Failure) -> OutputLayer {
    let (c, keys) = (configuration, configuration.keys)
    return OutputLayer(
      norm: c.design.hasFinalNorm ? try norm(keys.lastNorm) : nil,
      projection: try projection(
        keys.outputProjection, rows: c.embeddingSize, columns: c.hiddenSize),
      head: c.tiedEmbeddings
        ? embedding : try matrix(keys.head, rows: c.vocabularySize, columns: c.embeddingSize))
  }

  private func projection(_ key: String, rows: Int, columns: Int) throws(Failure) -> Linear? {
    rows == columns ? nil : Linear(weight: try matrix(key, rows: rows, columns: columns))
  }

  private func matrix(_ key: String, rows: Int, columns: Int) throws(Failure) -> Weight {
    try check(key, is: [rows, columns])
    return try weight(key)
  }

  /// Loads a gain or a bias [count] in float32.
  private func vector(_ key: String, count: Int) throws(Failure) -> Tensor {
    try check(key, is: [count])
    return try tensor(key)
  }

  private func check(_ key: String, is expected: [Int]) throws(Failure) {
    let place = "tensor \(key)"
    guard let found = shape(of: key) else {
      throw Failure(
        .invalidData, file: files.first, at: place,
        "is missing, but the model's configuration needs it")
    }
    guard found == expected else {
      throw Failure(
        .invalidData, file: files.first, at: place,
        "has the shape \(found), but the model's configuration needs \(expected)")
    }
  }
}
