import Bytes

/// The configuration of LLaMA and its relatives as a bundle stores it.
///
/// Two spellings are this project's own, since `config.json` has none for them: the rope type
/// "divisors" (with the key `divisors`), and `attention_bias` for biases on q, k and v alone.
extension RotaryDecoder {
  func canonical(_ c: ModelConfiguration) -> JSON {
    var rope: JSONObject = ["rope_theta": .number(c.ropeTheta)]
    switch c.ropeScaling {
    case .none: rope["rope_type"] = "default"
    case .linear(let factor):
      rope["rope_type"] = "linear"
      rope["factor"] = .number(factor)
    case .dynamic(let factor):
      rope["rope_type"] = "dynamic"
      rope["factor"] = .number(factor)
    case .llama3(let factor, let low, let high, let positions):
      rope["rope_type"] = "llama3"
      rope["factor"] = .number(factor)
      rope["low_freq_factor"] = .number(low)
      rope["high_freq_factor"] = .number(high)
      rope["original_max_position_embeddings"] = JSON(positions)
    case .divisors(let divisors):
      rope["rope_type"] = "divisors"
      rope["divisors"] = .array(divisors.map { .number(Self.shortest($0)) })
    }
    return [
      "architectures": [.string(c.family.architecture)],
      "model_type": .string(c.family.name),
      "vocab_size": JSON(c.vocabularySize),
      "hidden_size": JSON(c.hiddenSize),
      "intermediate_size": JSON(c.intermediateSize),
      "num_hidden_layers": JSON(c.layers),
      "num_attention_heads": JSON(c.heads),
      "num_key_value_heads": JSON(c.kvHeads),
      "head_dim": JSON(c.headDim),
      "hidden_act": "silu",
      "rms_norm_eps": .number(Self.shortest(c.normEpsilon)),
      "rope_parameters": .object(rope),
      "tie_word_embeddings": .bool(c.tiedEmbeddings),
      "attention_bias": .bool(c.design.biases == .queryKeyValue),
      "mlp_bias": false,
      "max_position_embeddings": JSON(c.maximumPositions),
      "sliding_window": c.slidingWindow.map { JSON($0) } ?? .null,
      "bos_token_id": c.bosToken.map { JSON(Int($0)) } ?? .null,
      "eos_token_id": JSON(c.eosTokens.map(Int.init)),
    ]
  }

  func configuration(
    of family: ModelFamily, canonical reader: SettingsReader
  ) throws(Failure) -> ModelConfiguration {
    typealias Limit = ModelConfiguration.Limit
    let rope = try SettingsReader(
      reader.settings.required("rope_parameters", file: reader.file), file: reader.file)
    func flag(_ key: String) throws(Failure) -> Bool {
      try reader.settings.required(key, as: Bool.self, file: reader.file)
    }
    var design = design
    design.biases = try flag("attention_bias") ? .queryKeyValue : .none
    let configuration = ModelConfiguration(
      family: family, design: design,
      vocabularySize: try reader.requiredInteger("vocab_size", in: Limit.vocabulary),
      hiddenSize: try reader.requiredInteger("hidden_size", in: Limit.width),
      intermediateSize: try reader.requiredInteger("intermediate_size", in: Limit.width),
      layers: try reader.requiredInteger("num_hidden_layers", in: Limit.layers),
      heads: try reader.requiredInteger("num_attention_heads", in: Limit.heads),
      kvHeads: try reader.requiredInteger("num_key_value_heads", in: Limit.heads),
      headDim: try reader.requiredInteger("head_dim", in: Limit.headDim),
      normEpsilon: Float(try reader.requiredNumber("rms_norm_eps")),
      ropeTheta: try rope.requiredNumber("rope_theta"),
      ropeScaling: try canonicalScaling(rope),
      tiedEmbeddings: try flag("tie_word_embeddings"),
      maximumPositions: try reader.requiredInteger("max_position_embeddings", in: Limit.positions),
      slidingWindow: try reader.integer("sliding_window", in: Limit.positions),
      bosToken: try reader.tokens("bos_token_id")?.first,
      eosTokens: try reader.tokens("eos_token_id") ?? [])
    try configuration.checkConsistency(file: reader.file)
    return configuration
  }

  /// The double with the same shortest decimal as `value`: 1e-05 rather than 9.999999747378752e-06.
  private static func shortest(_ value: Float) -> Double {
    Double(value.description) ?? Double(value)
  }
}
