/// The linear layers of a block. The raw value is LLaMA's checkpoint key between `model.layers.N.`
/// and `.weight`; OPT uses other keys for some of them (`TensorKeys`) and has no gate.
package enum LinearName: String, CaseIterable, Sendable, Codable {
  case q = "self_attn.q_proj"
  case k = "self_attn.k_proj"
  case v = "self_attn.v_proj"
  case o = "self_attn.o_proj"
  case gate = "mlp.gate_proj"
  case up = "mlp.up_proj"
  case down = "mlp.down_proj"
}

/// The keys of a family's tensors in Hugging Face checkpoints. The defaults are LLaMA's.
package struct TensorKeys: Sendable {
  var root = "model."
  var finalNorm = "norm"
  var attentionNorm = "input_layernorm"
  var feedForwardNorm = "post_attention_layernorm"
  /// Keys of the linear layers that differ from LLaMA's.
  var linears: [LinearName: String] = [:]

  private func layer(_ block: Int) -> String { "\(root)layers.\(block)." }

  /// Token embedding, [V, e].
  package var embedding: String { root + "embed_tokens.weight" }
  /// Position table, [positions + offset, d]; only if positions are learned.
  package var positions: String { root + "embed_positions.weight" }
  /// Projection from the embedding to the residual stream, [d, e]; only if e ≠ d.
  package var inputProjection: String { root + "project_in.weight" }
  /// Projection from the residual stream to the head, [e, d]; only if e ≠ d.
  package var outputProjection: String { root + "project_out.weight" }
  /// Final norm, [d], without `.weight` or `.bias`.
  package var lastNorm: String { root + finalNorm }
  /// Output head, [V, e]; absent if it is tied to the embedding.
  package var head: String { "lm_head.weight" }

  /// Attention norm, [d], without `.weight` or `.bias`.
  package func attentionNorm(block: Int) -> String { layer(block) + attentionNorm }

  /// Feed-forward norm, [d], without `.weight` or `.bias`.
  package func feedForwardNorm(block: Int) -> String { layer(block) + feedForwardNorm }

  /// Norm of each head's queries, [headDim], without `.weight`; only if heads have norms.
  package func queryNorm(block: Int) -> String { layer(block) + "self_attn.q_norm" }

  /// Norm of each head's keys, [headDim], without `.weight`; only if heads have norms.
  package func keyNorm(block: Int) -> String { layer(block) + "self_attn.k_norm" }

  /// Weight of a linear layer, [out, in].
  package func weight(of name: LinearName, block: Int) -> String {
    layer(block) + spelling(of: name) + ".weight"
  }

  /// Bias of a linear layer, [out]; not every layer has one (`ModelConfiguration.hasBias`).
  package func bias(of name: LinearName, block: Int) -> String {
    layer(block) + spelling(of: name) + ".bias"
  }

  private func spelling(of name: LinearName) -> String { linears[name] ?? name.rawValue }
}

extension ModelConfiguration {
  package var keys: TensorKeys { family.keys }

  /// The linear layers of a block, in the order of the computation.
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

  /// Rows of the position table; nil if positions aren't learned.
  package var positionRows: Int? {
    guard case .learned(let offset) = design.positions else { return nil }
    return maximumPositions + offset
  }
}
