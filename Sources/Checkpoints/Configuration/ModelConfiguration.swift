import Bytes

/// The sizes and settings of a decoder-only transformer.
package struct ModelConfiguration: Sendable, Equatable {
  package var family: ModelFamily
  package var design: ModelDesign
  package var vocabularySize: Int
  /// Width d of the residual stream, in channels.
  package var hiddenSize: Int
  /// Width e of token embeddings and soft prompts, in channels: `hiddenSize` unless projections
  /// connect them to the residual stream (OPT 350M).
  package var embeddingSize: Int
  /// Width of the feed-forward's hidden layer, in channels.
  package var intermediateSize: Int
  /// Number of transformer blocks.
  package var layers: Int
  /// Query heads per layer.
  package var heads: Int
  /// Key-value heads per layer; divides `heads`.
  package var kvHeads: Int
  /// Channels per head, an even number if positions are rotary. `heads` · `headDim` need not equal
  /// `hiddenSize`.
  package var headDim: Int
  package var normEpsilon: Float
  /// Base θ of the rotary frequencies θ^(−2i/headDim).
  package var ropeTheta: Double
  package var ropeScaling: RopeScaling
  /// Whether the output head is the embedding matrix.
  package var tiedEmbeddings: Bool
  /// The longest context that the model was designed for, in tokens.
  package var maximumPositions: Int
  /// Length of the attention window in tokens, including the query's own; nil for full attention.
  package var slidingWindow: Int?
  /// The token that begins a text; nil if there is none.
  package var bosToken: Int32?
  /// The tokens that each end a text; may be empty.
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

  /// Scaled inverse frequencies of the rotary embedding, [headDim / 2], in radians per position.
  package func inverseFrequencies() -> [Float] {
    ropeScaling.inverseFrequencies(theta: ropeTheta, headDim: headDim)
  }

  /// Valid ranges of the sizes: wide enough for any real model, narrow enough that no product of
  /// two sizes overflows.
  enum Limit {
    static let vocabulary = 1...(1 << 24)
    static let width = 1...(1 << 20)
    static let layers = 1...4096
    static let heads = 1...(1 << 14)
    static let headDim = 2...(1 << 14)
    static let positions = 1...(1 << 31)
  }

  /// Checks that the sizes and settings agree with each other. Single values are checked as they
  /// are read.
  /// - Throws: `invalidData` with the contradiction found.
  func checkConsistency(file: String?) throws(Failure) {
    func refuse(_ finding: String) -> Failure { Failure(.invalidData, file: file, finding) }
    guard heads % kvHeads == 0 else {
      throw refuse("\(heads) attention heads can't share \(kvHeads) key-value heads evenly")
    }
    guard normEpsilon.isFinite, (0...1).contains(normEpsilon) else {
      throw refuse("the norm epsilon is \(normEpsilon); expected 0 to 1")
    }
    if design.positions == .rotary {
      guard headDim % 2 == 0 else {
        throw refuse("heads have \(headDim) channels; a rotary embedding needs an even number")
      }
      guard ropeTheta.isFinite, (1...1e15).contains(ropeTheta) else {
        throw refuse("the rope theta is \(ropeTheta); expected 1 to 1e15")
      }
      if let flaw = ropeScaling.flaw(headDim: headDim) { throw refuse("found \(flaw)") }
    }
    for token in eosTokens + [bosToken].compactMap(\.self)
    where token < 0 || Int(token) >= vocabularySize {
      throw refuse("the special token \(token) is outside the vocabulary of \(vocabularySize)")
    }
  }
}
