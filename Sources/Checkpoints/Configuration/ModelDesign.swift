import Numerics

/// The parts of a decoder in which families differ. Sizes belong to `ModelConfiguration`.
package struct ModelDesign: Sendable, Equatable {
  package enum Norm: Sendable, Equatable {
    /// Root mean square, with a gain.
    case rms
    /// Mean and variance, with gain and bias unless `hasWeights` is false.
    case layer(hasWeights: Bool)
  }

  /// Place of a block's norms.
  package enum NormPlacement: Sendable, Equatable {
    /// On what enters attention and feed-forward; the residual stream itself is never normalised.
    case before
    /// On the residual stream, after each of the two.
    case after
  }

  package enum FeedForward: Sendable, Equatable {
    /// silu(gate)·up → down (SwiGLU).
    case gated
    /// up → activation → down.
    case plain(Activation)
  }

  package enum Positions: Sendable, Equatable {
    /// Queries and keys are turned by their position.
    case rotary
    /// A table's row is added to each embedding: row `offset` + p for position p, from 0.
    case learned(offset: Int)
  }

  /// Which linear layers of a block have biases.
  package enum Biases: Sendable, Equatable {
    case none
    /// q, k and v.
    case queryKeyValue
    case all
  }

  package var norm: Norm
  package var normPlacement: NormPlacement
  /// Whether the residual stream is normalised after the last block.
  package var hasFinalNorm: Bool
  package var feedForward: FeedForward
  package var positions: Positions
  package var biases: Biases
  /// Whether each head's queries and keys pass an RMS norm of their own, after the projections and
  /// before rotation.
  package var hasHeadNorms: Bool

  package init(
    norm: Norm, normPlacement: NormPlacement, hasFinalNorm: Bool, feedForward: FeedForward,
    positions: Positions, biases: Biases, hasHeadNorms: Bool = false
  ) {
    self.norm = norm
    self.normPlacement = normPlacement
    self.hasFinalNorm = hasFinalNorm
    self.feedForward = feedForward
    self.positions = positions
    self.biases = biases
    self.hasHeadNorms = hasHeadNorms
  }

  /// LLaMA's design, with what its relatives add: biases (Qwen2), norms of heads (Qwen3).
  package static func llama(biases: Biases = .none, hasHeadNorms: Bool = false) -> ModelDesign {
    ModelDesign(
      norm: .rms, normPlacement: .before, hasFinalNorm: true, feedForward: .gated,
      positions: .rotary, biases: biases, hasHeadNorms: hasHeadNorms)
  }
}
