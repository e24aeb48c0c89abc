import Numerics

/// The architectural choices in which decoder families differ. Sizes are in `ModelConfiguration`.
package struct ModelDesign: Sendable, Equatable {
  /// Kind of normalization.
  package enum Norm: Sendable, Equatable {
    /// RMS norm, with a gain.
    case rms
    /// Layer norm, with gain and bias unless `hasWeights` is false.
    case layer(hasWeights: Bool)
  }

  /// Placement of a block's norms.
  package enum NormPlacement: Sendable, Equatable {
    /// Pre-norm: on the inputs of attention and feed-forward, but not on the residual stream.
    case before
    /// Post-norm: on the residual stream, after attention and after the feed-forward.
    case after
  }

  /// Kind of feed-forward layer.
  package enum FeedForward: Sendable, Equatable {
    /// silu(gate)·up → down (SwiGLU).
    case gated
    /// up → activation → down.
    case plain(Activation)
  }

  /// Kind of position embedding.
  package enum Positions: Sendable, Equatable {
    /// Rotary embedding of queries and keys.
    case rotary
    /// Learned embeddings added to the token embeddings: row `offset` + p of a table for position
    /// p, counted from 0.
    case learned(offset: Int)
  }

  /// The linear layers of a block that have biases.
  package enum Biases: Sendable, Equatable {
    case none
    /// q, k and v.
    case queryKeyValue
    case all
  }

  package var norm: Norm
  package var normPlacement: NormPlacement
  /// Whether the residual stream is normalized after the last block.
  package var hasFinalNorm: Bool
  package var feedForward: FeedForward
  package var positions: Positions
  package var biases: Biases
  /// Whether each head's queries and keys pass an RMS norm between projection and rotation.
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

  /// LLaMA's design, with the additions of its relatives: biases (Qwen2), head norms (Qwen3).
  package static func llama(biases: Biases = .none, hasHeadNorms: Bool = false) -> ModelDesign {
    ModelDesign(
      norm: .rms, normPlacement: .before, hasFinalNorm: true, feedForward: .gated,
      positions: .rotary, biases: biases, hasHeadNorms: hasHeadNorms)
  }
}
