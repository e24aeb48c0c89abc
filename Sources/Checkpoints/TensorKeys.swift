/// The linear layers of one block; the raw value is LLaMA's checkpoint key between
/// `model.layers.N.` and `.weight`. OPT spells some of them otherwise (`TensorKeys`) and has no
/// gate.
package enum LinearName: String, CaseIterable, Sendable, Codable {
  case q = "self_attn.q_proj"
  case k = "self_attn.k_proj"
  case v = "self_attn.v_proj"
  case o = "self_attn.o_proj"
  case gate = "mlp.gate_proj"
  case up = "mlp.up_proj"
  case down = "mlp.down_proj"
}

/// The keys of a family's tensors as Hugging Face's checkpoints spell them. The defaults are
/// LLaMA's.
package struct TensorKeys: Sendable {
  var root = "model."
  var finalNorm = "norm"
  var attentionNorm = "input_layernorm"
  var feedForwardNorm = "post_attention_layernorm"
  /// The linear layers that aren't called as in LLaMA.
  var linears: [LinearName: String] = [:]

  private func layer(_ block: Int) -> String { "\(root)layers.\(block)." }

  /// [V, e]
  package var embedding: String { root + "embed_tokens.weight" }
  /// [positions + offset, d]; only where positions are learned.
  package var positions: String { root + "embed_positions.weight" }
  /// [d, e]; only where e isn't d.
  package var inputProjection: String { root + "project_in.weight" }
  /// [e, d]; only where e isn't d.
  package var outputProjection: String { root + "project_out.weight" }
  /// Without `.weight` or `.bias`.
  package var lastNorm: String { root + finalNorm }
  /// [V, e]; absent where it is the embedding.
  package var head: String { "lm_head.weight" }

  /// The norm that belongs to attention, without `.weight` or `.bias`.
  package func attentionNorm(block: Int) -> String { layer(block) + attentionNorm }

  /// The norm that belongs to the feed-forward, without `.weight` or `.bias`.
  package func feedForwardNorm(block: Int) -> String { layer(block) + feedForwardNorm }

  /// The norm of each head's queries, without `.weight`; only where heads have norms.
  package func queryNorm(block: Int) -> String { layer(block) + "self_attn.q_norm" }

  /// The norm of each head's keys, without `.weight`; only where heads have norms.
  package func keyNorm(block: Int) -> String { layer(block) + "self_attn.k_norm" }

  package func weight(of name: LinearName, block: Int) -> String {
    layer(block) + spelling(of: name) + ".weight"
  }

  /// Not every family, nor every layer, has one.
  package func bias(of name: LinearName, block: Int) -> String {
    layer(block) + spelling(of: name) + ".bias"
  }

  private func spelling(of name: LinearName) -> String { linears[name] ?? name.rawValue }
}

extension ModelConfiguration {
  package var keys: TensorKeys { family.keys }

  /// The linear layers that a block has, in the order of the computation.
  package var linears: [LinearName] {
    LinearName.allCases.filter { $0 != .gate || design.feedForward == .gated }
  }

  /// Rows (outputs) and columns (inputs) of a block's linear layer.
  package func shape(of name: LinearName) -> (rows: Int, columns: Int) {
    switch name {
    case .q: (heads * headDim, hiddenSize)
    case .k, .v: (kvHeads * headDim, hiddenSize)
    case .o: (hiddenSize, heads * headDim)
    case .gate, .up: (intermediateSize, hiddenSize)
    case .down: (hiddenSize, intermediateSize)
    }
  }

  /// Whether a block's linear layer has a bias.
  package func hasBias(_ name: LinearName) -> Bool {
    switch design.biases {
    case .none: false
    case .queryKeyValue: [.q, .k, .v].contains(name)
    case .all: true
    }
  }

  /// Rows of the table of learned positions; nil where positions aren't learned.
  package var positionRows: Int? {
    guard case .learned(let offset) = design.positions else { return nil }
    return maximumPositions + offset
  }
}
