import Bytes
import Numerics

/// OPT, and Galactica, which is OPT with GELU and without biases (transformers' `OPTForCausalLM`).
///
/// OPT 350M is post-norm and has token embeddings narrower than its residual stream; the other
/// sizes are pre-norm.
extension ModelFamily {
  package static let opt = ModelFamily(
    name: "opt", title: "OPT", architecture: "OPTForCausalLM",
    keys: TensorKeys(
      root: "model.decoder.", finalNorm: "final_layer_norm", attentionNorm: "self_attn_layer_norm",
      feedForwardNorm: "final_layer_norm",
      linears: [.o: "self_attn.out_proj", .up: "fc1", .down: "fc2"]),
    settings: OPTSettings())
}

/// OPT's settings under the keys of transformers' `OPTConfig`.
private struct OPTSettings: FamilySettings {
  /// PyTorch's default epsilon of layer norms, which all OPT models use; not a key of `OPTConfig`.
  private static let epsilon: Float = 1e-5
  /// Row of position 0 in the position table; the rows before it were reserved for padding.
  private static let positionOffset = 2

  func configuration(
    of family: ModelFamily, from reader: SettingsReader, generation: JSON?
  ) throws(Failure) -> ModelConfiguration {
    typealias Limit = ModelConfiguration.Limit
    let hiddenSize = try reader.requiredInteger("hidden_size", in: Limit.width)
    let heads = try reader.requiredInteger("num_attention_heads", in: Limit.heads)
    guard hiddenSize % heads == 0 else {
      throw reader.failure(
        "num_attention_heads", "\(heads) heads don't divide hidden_size \(hiddenSize) evenly")
    }
    var bos = reader.has("bos_token_id") ? try reader.tokens("bos_token_id") : [2]
    var eos = reader.has("eos_token_id") ? try reader.tokens("eos_token_id") : [2]
    try ModelConfiguration.specialTokens(generation, file: reader.file, bos: &bos, eos: &eos)
    let configuration = ModelConfiguration(
      family: family, design: try design(reader),
      vocabularySize: try reader.requiredInteger("vocab_size", in: Limit.vocabulary),
      hiddenSize: hiddenSize,
      embeddingSize: try reader.integer("word_embed_proj_dim", in: Limit.width),
      intermediateSize: try reader.requiredInteger("ffn_dim", in: Limit.width),
      layers: try reader.requiredInteger("num_hidden_layers", in: Limit.layers),
      heads: heads, kvHeads: heads, headDim: hiddenSize / heads,
      normEpsilon: Self.epsilon,
      tiedEmbeddings: try reader.boolean("tie_word_embeddings") ?? true,
      maximumPositions: try reader.integer("max_position_embeddings", in: Limit.positions) ?? 2048,
      bosToken: bos?.first, eosTokens: eos ?? [])
    try configuration.checkConsistency(file: reader.file)
    return configuration
  }

  func keys(of family: ModelFamily) -> SettingsKeys {
    ConfigurationKeys.common
      + SettingsKeys(
        implemented: [
          "_remove_final_layer_norm", "activation_function", "do_layer_norm_before", "enable_bias",
          "ffn_dim", "layer_norm_elementwise_affine", "word_embed_proj_dim",
        ], irrelevant: ["activation_dropout", "dropout", "init_std", "layerdrop"])
  }

  private func design(_ reader: SettingsReader) throws(Failure) -> ModelDesign {
    let name = try reader.string("activation_function") ?? Activation.relu.rawValue
    guard let activation = Activation(rawValue: name) else {
      throw reader.failure(
        "activation_function", "is \"\(name)\"; only relu and gelu are supported")
    }
    let isBefore = try reader.boolean("do_layer_norm_before") ?? true
    let isRemoved = try reader.boolean("_remove_final_layer_norm") ?? false
    return ModelDesign(
      norm: .layer(hasWeights: try reader.boolean("layer_norm_elementwise_affine") ?? true),
      normPlacement: isBefore ? .before : .after, hasFinalNorm: isBefore && !isRemoved,
      feedForward: .plain(activation), positions: .learned(offset: Self.positionOffset),
      biases: try reader.boolean("enable_bias") ?? true ? .all : .none)
  }

  func canonical(_ c: ModelConfiguration) -> JSON {
    var activation = Activation.relu
    if case .plain(let own) = c.design.feedForward { activation = own }
    let isBefore = c.design.normPlacement == .before
    return [
      "architectures": [.string(c.family.architecture)],
      "model_type": .string(c.family.name),
      "vocab_size": JSON(c.vocabularySize),
      "hidden_size": JSON(c.hiddenSize),
      "word_embed_proj_dim": JSON(c.embeddingSize),
      "ffn_dim": JSON(c.intermediateSize),
      "num_hidden_layers": JSON(c.layers),
      "num_attention_heads": JSON(c.heads),
      "activation_function": .string(activation.rawValue),
      "do_layer_norm_before": .bool(isBefore),
      "_remove_final_layer_norm": .bool(isBefore && !c.design.hasFinalNorm),
      "layer_norm_elementwise_affine": .bool(c.design.norm == .layer(hasWeights: true)),
      "enable_bias": .bool(c.design.biases == .all),
      "tie_word_embeddings": .bool(c.tiedEmbeddings),
      "max_position_embeddings": JSON(c.maximumPositions),
      "bos_token_id": c.bosToken.map { JSON(Int($0)) } ?? .null,
      "eos_token_id": JSON(c.eosTokens.map(Int.init)),
    ]
  }

  func configuration(
    of family: ModelFamily, canonical reader: SettingsReader
  ) throws(Failure) -> ModelConfiguration {
    let configuration = try configuration(of: family, from: reader, generation: nil)
    for key in canonical(configuration).object?.keys.map(\.self) ?? [] where !reader.has(key) {
      throw reader.failure(key, "is missing")
    }
    return configuration
  }
}
