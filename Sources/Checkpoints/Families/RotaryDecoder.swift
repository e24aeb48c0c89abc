import Bytes

/// The settings of LLaMA-like decoders: rotary positions, RMS norms before attention and
/// feed-forward, and a gated feed-forward. Families differ in the properties below, most of them
/// defaults of transformers' configuration classes.
///
/// `config.json` is read in the spellings of transformers 5 (`rope_parameters`) and of earlier
/// versions (`rope_theta`, `rope_scaling`).
struct RotaryDecoder: FamilySettings {
  /// The meaning of `sliding_window`.
  enum SlidingWindow: Sendable {
    /// The class has no such key.
    case never
    /// Every layer has the window unless it is null; the value is the default, in tokens.
    case unlessNull(Int)
    /// The layers from `max_window_layers` on, or those of `layer_types`, have the window if
    /// `use_sliding_window` is true; the value is the default, in tokens.
    case whenUsed(Int)
  }

  let design: ModelDesign
  /// The default of `max_position_embeddings`.
  let maximumPositions: Int
  /// The default of `head_dim`; nil for `hidden_size` / `num_attention_heads`.
  var headDim: Int?
  /// The default of `bos_token_id`.
  var bosToken: Int32?
  /// The default of `eos_token_id`.
  var eosToken: Int32?
  var slidingWindow = SlidingWindow.never
  /// Whether the class has the key `attention_bias`; only false is supported.
  var refusesAttentionBias = false

  func configuration(
    of family: ModelFamily, from reader: SettingsReader, generation: JSON?
  ) throws(Failure) -> ModelConfiguration {
    typealias Limit = ModelConfiguration.Limit
    let hiddenSize = try reader.requiredInteger("hidden_size", in: Limit.width)
    let layers = try reader.requiredInteger("num_hidden_layers", in: Limit.layers)
    let heads = try reader.requiredInteger("num_attention_heads", in: Limit.heads)
    let headDim = try reader.integer("head_dim", in: Limit.headDim) ?? headDim
    if headDim == nil, hiddenSize % heads != 0 {
      throw reader.failure(
        "num_attention_heads", "\(heads) heads don't divide hidden_size \(hiddenSize) evenly")
    }
    let maximumPositions =
      try reader.integer("max_position_embeddings", in: Limit.positions) ?? maximumPositions
    let rope = try rope(reader, maximumPositions: maximumPositions)

    var bos = reader.has("bos_token_id") ? try reader.tokens("bos_token_id") : bosToken.map { [$0] }
    var eos = reader.has("eos_token_id") ? try reader.tokens("eos_token_id") : eosToken.map { [$0] }
    try ModelConfiguration.specialTokens(generation, file: reader.file, bos: &bos, eos: &eos)

    let configuration = ModelConfiguration(
      family: family, design: design,
      vocabularySize: try reader.requiredInteger("vocab_size", in: Limit.vocabulary),
      hiddenSize: hiddenSize,
      intermediateSize: try reader.requiredInteger("intermediate_size", in: Limit.width),
      layers: layers, heads: heads,
      kvHeads: try reader.integer("num_key_value_heads", in: Limit.heads) ?? heads,
      headDim: headDim ?? hiddenSize / heads,
      normEpsilon: Float(try reader.number("rms_norm_eps") ?? 1e-6),
      ropeTheta: rope.theta, ropeScaling: rope.scaling,
      tiedEmbeddings: try reader.boolean("tie_word_embeddings") ?? false,
      maximumPositions: maximumPositions,
      slidingWindow: try window(reader, layers: layers),
      bosToken: bos?.first, eosTokens: eos ?? [])
    try configuration.checkConsistency(file: reader.file)
    return configuration
  }
}
