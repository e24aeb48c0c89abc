/// Sizes that follow from a configuration.
extension ModelConfiguration {
  /// Number of weights in the linear layers of all blocks: those that compression packs and that
  /// every token is multiplied by.
  package var linearCount: Int {
    layers * linears.reduce(0) { $0 + shape(of: $1).rows * shape(of: $1).columns }
  }

  /// Number of weights in the model, without gains and biases; a tied head counts once.
  package var parameterCount: Int {
    let embeddings = vocabularySize * embeddingSize * (tiedEmbeddings ? 1 : 2)
    let projections = embeddingSize == hiddenSize ? 0 : 2 * embeddingSize * hiddenSize
    return linearCount + embeddings + projections + (positionRows ?? 0) * hiddenSize
  }

  /// Multiply-adds per token of a forward pass, in 10⁹: linear layers and head, without attention.
  package var forwardWork: Double { Double(linearCount + vocabularySize * embeddingSize) * 1e-9 }

  /// Size of the model at 16 bits per weight, in bytes.
  package var halfBytes: Int { 2 * parameterCount }

  /// Whether both configurations have the same family and sizes.
  package func isSameModel(as other: ModelConfiguration) -> Bool {
    func sizes(_ c: ModelConfiguration) -> [Int] {
      [c.layers, c.hiddenSize, c.intermediateSize, c.heads, c.kvHeads, c.vocabularySize]
    }
    return family == other.family && sizes(self) == sizes(other)
  }
}
