/// Sizes that follow from a configuration.
extension ModelConfiguration {
  /// Weights of the linear layers of all blocks: the ones that compression packs and that a token
  /// is multiplied with.
  package var linearCount: Int {
    layers * linears.reduce(0) { $0 + shape(of: $1).rows * shape(of: $1).columns }
  }

  /// All weights but gains and biases, a tied head counted once.
  package var parameterCount: Int {
    let embeddings = vocabularySize * embeddingSize * (tiedEmbeddings ? 1 : 2)
    let projections = embeddingSize == hiddenSize ? 0 : 2 * embeddingSize * hiddenSize
    return linearCount + embeddings + projections + (positionRows ?? 0) * hiddenSize
  }

  /// Multiply-adds of one token's forward pass without attention, head included, in 10⁹.
  package var forwardWork: Double { Double(linearCount + vocabularySize * embeddingSize) * 1e-9 }

  /// Bytes of the model in 16 bits.
  package var halfBytes: Int { 2 * parameterCount }

  /// Whether both describe the same architecture in the same sizes.
  package func isSameModel(as other: ModelConfiguration) -> Bool {
    func sizes(_ c: ModelConfiguration) -> [Int] {
      [c.layers, c.hiddenSize, c.intermediateSize, c.heads, c.kvHeads, c.vocabularySize]
    }
    return family == other.family && sizes(self) == sizes(other)
  }
}
