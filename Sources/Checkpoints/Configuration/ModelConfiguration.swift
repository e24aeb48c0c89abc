import Bytes

/// The sizes and settings of a decoder-only transformer.
package struct ModelConfiguration: Sendable, Equatable {
  package var family: ModelFamily
  package var design: ModelDesign
  package var vocabularySize: Int
  /// Of the residual stream.
  package var hiddenSize: Int
  /// Of token embeddings and soft prompts: `hiddenSize`, unless projections stand between them and
  /// the residual stream (OPT 350M).
  package var embeddingSize: Int
  package var intermediateSize: Int
  package var layers: Int
  /// Query heads per layer.
  package var heads: Int
  /// Key and value heads per layer; divides `heads`.
  package var kvHeads: Int
  /// Channels per head; even where positions are rotary. `heads` · `headDim` need not equal `hiddenSize`.
  package var headDim: Int
  package var normEpsilon: Float
  package var ropeTheta: Double
  package var ropeScaling: RopeScaling
  /// Whether the output head is the embedding matrix.
  package var tiedEmbeddings: Bool
  /// The longest context the model was made for, in tokens.
  package var maximumPositions: Int
  /// How many tokens back attention may look, counting the token itself; nil for all.
  package var slidingWindow: Int?
  package var bosToken: Int32?
  /// Any of them ends a text; may be empty.
  package var eosTokens: [Int32]

  package init(
    family: ModelFamily = .llama, design: ModelDesign = .llama(), vocabularySize: Int,
    hiddenSize: Int, embeddingSize: Int? = nil, intermediateSize: Int, layers: Int, heads: Int,
    kvHeads: Int, headDim: Int, normEpsilon: Float = 1e-5,
    ropeTheta: Double = 10000, ropeScaling: RopeScaling = .none, tiedEmbeddings: Bool = false,
    maximumPositions: Int = 2048, slidingWindow: Int? = nil,
    bosToken: Int32? = nil, eosTokens: [Int32] = []
  ) {
    self.family = family
    self.design = design
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.embeddingSize = embeddingSize ?? hiddenSize
    self.intermediateSize = intermediateSize
    self.layers = layers
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.normEpsilon = normEpsilon
    self.ropeTheta = ropeTheta
    self.ropeScaling = ropeScaling
    self.tiedEmbeddings = tiedEmbeddings
    self.maximumPositions = maximumPositions
    self.slidingWindow = slidingWindow
    self.bosToken = bosToken
    self.eosTokens = eosTokens
  }

  /// Rotary inverse frequencies with the scaling applied: headDim / 2 values, radians per position.
  package func inverseFrequencies() -> [Float] {
    ropeScaling.inverseFrequencies(theta: ropeTheta, headDim: headDim)
  }

  /// The ranges that hold for every model: wide enough for any real one, narrow enough that no
  /// product of two of these numbers overflows.
  enum Limit {
    static let vocabulary = 1...(1 << 24)
    static let width = 1...(1 << 20)
    static let layers = 1...4096
    static let heads = 1...(1 << 14)
    static let headDim = 2...(1 << 14)
    static let positions = 1...(1 << 31)
  }

  /// Throws `invalidData` where the numbers contradict each other. Single numbers are checked as
  /// they are read.
  func checkConsistency(file: String?) throws(Failure) {
    func refuse(_ finding: String) -> Failure { Failure(.invalidData, file: file, finding) }
    guard heads % kvHeads == 0 else {
      throw refuse("\(heads) attention heads can't share \(kvHeads) key-value heads evenly")
    }
    guard normEpsilon.isFinite, (0...1).contains(normEpsilon) else {
      throw refuse("a norm epsilon of \(normEpsilon); expected 0 to 1")
    }
    if design.positions == .rotary {
      guard headDim % 2 == 0 else {
        throw refuse("\(headDim) channels per head; a rotary embedding needs an even number")
      }
      guard ropeTheta.isFinite, (1...1e15).contains(ropeTheta) else {
        throw refuse("a rope theta of \(ropeTheta); expected 1 to 1e15")
      }
      if let flaw = ropeScaling.flaw(headDim: headDim) { throw refuse("found \(flaw)") }
    }
    for token in eosTokens + [bosToken].compactMap(\.self)
    where token < 0 || Int(token) >= vocabularySize {
      throw refuse("the special token \(token) is outside the vocabulary of \(vocabularySize)")
    }
  }
}
