import Bytes

/// `config.json` as transformers writes it, in the spelling of version 5 (`rope_parameters`) and
/// the one before (`rope_theta`, `rope_scaling`). Absent keys have the defaults of transformers'
/// classes.
extension ModelConfiguration {
  /// `generation` is `generation_config.json` where the folder has one; its special tokens go
  /// first.
  package init(huggingFace: JSON, generation: JSON? = nil, file: String?) throws(Failure) {
    let reader = try SettingsReader(huggingFace, file: file)
    let family = try Self.family(reader)
    if reader.value("quantization_config") != nil {
      throw reader.failure(
        "quantization_config", "the weights are quantized already",
        advice: "give the original F32, F16 or BF16 checkpoint, or a GGUF file")
    }
    if family == .opt {
      try self.init(opt: reader, generation: generation)
      return
    }
    try Self.refuseUnsupported(reader, family)

    let hiddenSize = try reader.requiredInteger("hidden_size", in: Limit.width)
    let heads = try reader.requiredInteger("num_attention_heads", in: Limit.heads)
    let headDim = try reader.integer("head_dim", in: Limit.headDim)
    if headDim == nil, hiddenSize % heads != 0 {
      throw reader.failure(
        "num_attention_heads", "\(heads) heads don't divide hidden_size \(hiddenSize) evenly")
    }
    let maximumPositions =
      try reader.integer("max_position_embeddings", in: Limit.positions)
      ?? (family == .llama ? 2048 : family == .mistral ? 131072 : 32768)
    let rope = try Self.rope(reader, maximumPositions: maximumPositions)

    var bos = try reader.tokens("bos_token_id")
    var eos = try reader.tokens("eos_token_id")
    if family != .qwen2 {
      if !reader.has("bos_token_id") { bos = [1] }
      if !reader.has("eos_token_id") { eos = [2] }
    }
    try Self.specialTokens(generation, file: file, bos: &bos, eos: &eos)

    self.init(
      family: family, design: .llama(biases: family == .qwen2 ? .queryKeyValue : .none),
      vocabularySize: try reader.requiredInteger("vocab_size", in: Limit.vocabulary),
      hiddenSize: hiddenSize,
      intermediateSize: try reader.requiredInteger("intermediate_size", in: Limit.width),
      layers: try reader.requiredInteger("num_hidden_layers", in: Limit.layers),
      heads: heads,
      kvHeads: try reader.integer("num_key_value_heads", in: Limit.heads) ?? heads,
      headDim: headDim ?? hiddenSize / heads,
      normEpsilon: Float(try reader.number("rms_norm_eps") ?? 1e-6),
      ropeTheta: rope.theta, ropeScaling: rope.scaling,
      tiedEmbeddings: try reader.boolean("tie_word_embeddings") ?? false,
      maximumPositions: maximumPositions,
      slidingWindow: try Self.slidingWindow(reader, family),
      bosToken: bos?.first, eosTokens: eos ?? [])
    try checkConsistency(file: file)
  }

  /// What `generation_config.json` says about special tokens wins.
  static func specialTokens(
    _ generation: JSON?, file: String?, bos: inout [Int32]?, eos: inout [Int32]?
  ) throws(Failure) {
    guard let generation else { return }
    let reader = try SettingsReader(generation, file: file)
    bos = try reader.tokens("bos_token_id") ?? bos
    eos = try reader.tokens("eos_token_id") ?? eos
  }

  private static func family(_ reader: SettingsReader) throws(Failure) -> Family {
    let advice = Family.supported
    if let type = try reader.string("model_type") {
      guard let family = Family(rawValue: type) else {
        throw reader.failure("model_type", "the model type \"\(type)\" isn't known", advice: advice)
      }
      if let named = reader.value("architectures")?[0]?.string, named != family.architecture {
        throw reader.failure(
          "architectures", "\"\(named)\" isn't a causal language model of type \"\(type)\"",
          advice: advice)
      }
      return family
    }
    let named = reader.value("architectures")?[0]?.string
    guard let family = Family.allCases.first(where: { $0.architecture == named }) else {
      throw reader.failure(
        "model_type", named.map { "the architecture \"\($0)\" isn't known" } ?? "is missing",
        advice: advice)
    }
    return family
  }

  /// Settings that would change the computation in a way that isn't implemented.
  private static func refuseUnsupported(
    _ reader: SettingsReader, _ family: Family
  ) throws(Failure) {
    if let activation = try reader.string("hidden_act"), activation != "silu" {
      throw reader.failure("hidden_act", "is \"\(activation)\"; only silu is supported")
    }
    if try reader.boolean("mlp_bias") == true {
      throw reader.failure("mlp_bias", "biases in the feed-forward layers aren't supported")
    }
    if family == .llama, try reader.boolean("attention_bias") == true {
      throw reader.failure(
        "attention_bias", "a LLaMA with biases on all attention projections isn't supported")
    }
    if try reader.boolean("rope_interleaved") == true {
      throw reader.failure("rope_interleaved", "an interleaved rotary embedding isn't supported")
    }
    if let factor = try reader.number("partial_rotary_factor"), factor != 1 {
      throw reader.failure("partial_rotary_factor", "is \(factor); only 1 is supported")
    }
  }

  private static func slidingWindow(
    _ reader: SettingsReader, _ family: Family
  ) throws(Failure) -> Int? {
    switch family {
    case .llama, .opt: return nil
    case .mistral:
      guard reader.has("sliding_window") else { return 4096 }
      return try reader.integer("sliding_window", in: Limit.positions)
    case .qwen2:
      guard try reader.boolean("use_sliding_window") == true else { return nil }
      return try reader.integer("sliding_window", in: Limit.positions) ?? 4096
    }
  }

  private static func rope(
    _ reader: SettingsReader, maximumPositions: Int
  ) throws(Failure) -> (theta: Double, scaling: RopeScaling) {
    var theta = try reader.number("rope_theta") ?? 10000
    guard let key = ["rope_parameters", "rope_scaling"].first(where: { reader.value($0) != nil }),
      let settings = reader.value(key)
    else { return (theta, .none) }
    guard settings.object != nil else {
      throw reader.failure(key, "expected an object, found \(settings.kindName)")
    }
    let inner = try SettingsReader(settings, file: reader.file)
    theta = try inner.number("rope_theta") ?? theta
    if let factor = try inner.number("partial_rotary_factor"), factor != 1 {
      throw inner.failure("partial_rotary_factor", "is \(factor); only 1 is supported")
    }
    let older = try inner.string("type")
    let type = try inner.string("rope_type") ?? older ?? "default"
    switch type {
    case "default": return (theta, .none)
    case "linear": return (theta, .linear(factor: try inner.requiredNumber("factor")))
    case "llama3":
      return (
        theta,
        .llama3(
          factor: try inner.requiredNumber("factor"),
          lowFrequencyFactor: try inner.requiredNumber("low_freq_factor"),
          highFrequencyFactor: try inner.requiredNumber("high_freq_factor"),
          originalMaximumPositions: try inner.integer(
            "original_max_position_embeddings", in: Limit.positions) ?? maximumPositions)
      )
    default:
      throw reader.failure(
        key, "the rope scaling \"\(type)\" isn't known",
        advice: "default, linear and llama3 are supported")
    }
  }
}
