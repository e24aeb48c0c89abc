import Bytes

/// The form that travels in a bundle: the keys of a version 5 `config.json`, every one of them
/// written out.
///
/// Of LLaMA's relatives, two things have no spelling there and are this project's own: the rope type "divisors" (with
/// `divisors`), and `attention_bias`, which means q, k and v alone, in each of them.
extension ModelConfiguration {
  package var canonical: JSON { family == .opt ? canonicalOPT : canonicalLLaMA }

  private var canonicalLLaMA: JSON {
    var rope: JSONObject = ["rope_theta": .number(ropeTheta)]
    switch ropeScaling {
    case .none: rope["rope_type"] = "default"
    case .linear(let factor):
      rope["rope_type"] = "linear"
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
      "architectures": [.string(family.architecture)],
      "model_type": .string(family.rawValue),
      "vocab_size": JSON(vocabularySize),
      "hidden_size": JSON(hiddenSize),
      "intermediate_size": JSON(intermediateSize),
      "num_hidden_layers": JSON(layers),
      "num_attention_heads": JSON(heads),
      "num_key_value_heads": JSON(kvHeads),
      "head_dim": JSON(headDim),
      "hidden_act": "silu",
      "rms_norm_eps": .number(Self.shortest(normEpsilon)),
      "rope_parameters": .object(rope),
      "tie_word_embeddings": .bool(tiedEmbeddings),
      "attention_bias": .bool(design.biases == .queryKeyValue),
      "mlp_bias": false,
      "max_position_embeddings": JSON(maximumPositions),
      "sliding_window": slidingWindow.map { JSON($0) } ?? .null,
      "bos_token_id": bosToken.map { JSON(Int($0)) } ?? .null,
      "eos_token_id": JSON(eosTokens.map(Int.init)),
    ]
  }

  /// Reads what `canonical` wrote. Throws `invalidData` naming the key that is missing or
  /// impossible.
  package init(canonical: JSON, file: String? = nil) throws(Failure) {
    let reader = try SettingsReader(canonical, file: file)
    let type = try reader.string("model_type") ?? ""
    guard let family = Family(rawValue: type) else {
      throw reader.failure(
        "model_type", "the model type \"\(type)\" isn't known", advice: Family.supported)
    }
    if family == .opt {
      try self.init(canonicalOPT: reader)
      return
    }
    let rope = try SettingsReader(try canonical.required("rope_parameters", file: file), file: file)
    func flag(_ key: String) throws(Failure) -> Bool {
      try canonical.required(key, as: Bool.self, file: file)
    }
    self.init(
      family: family,
      design: .llama(biases: try flag("attention_bias") ? .queryKeyValue : .none),
      vocabularySize: try reader.requiredInteger("vocab_size", in: Limit.vocabulary),
      hiddenSize: try reader.requiredInteger("hidden_size", in: Limit.width),
      intermediateSize: try reader.requiredInteger("intermediate_size", in: Limit.width),
      layers: try reader.requiredInteger("num_hidden_layers", in: Limit.layers),
      heads: try reader.requiredInteger("num_attention_heads", in: Limit.heads),
      kvHeads: try reader.requiredInteger("num_key_value_heads", in: Limit.heads),
      headDim: try reader.requiredInteger("head_dim", in: Limit.headDim),
      normEpsilon: Float(try reader.requiredNumber("rms_norm_eps")),
      ropeTheta: try rope.requiredNumber("rope_theta"),
      ropeScaling: try Self.canonicalScaling(rope),
      tiedEmbeddings: try flag("tie_word_embeddings"),
      maximumPositions: try reader.requiredInteger("max_position_embeddings", in: Limit.positions),
      slidingWindow: try reader.integer("sliding_window", in: Limit.positions),
      bosToken: try reader.tokens("bos_token_id")?.first,
      eosTokens: try reader.tokens("eos_token_id") ?? [])
    try checkConsistency(file: file)
  }

  private static func canonicalScaling(_ rope: SettingsReader) throws(Failure) -> RopeScaling {
    let type = try rope.string("rope_type") ?? ""
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try rope.requiredNumber("factor"))
    case "llama3":
      return .llama3(
        factor: try rope.requiredNumber("factor"),
        lowFrequencyFactor: try rope.requiredNumber("low_freq_factor"),
        highFrequencyFactor: try rope.requiredNumber("high_freq_factor"),
        originalMaximumPositions: try rope.requiredInteger(
          "original_max_position_embeddings", in: Limit.positions))
    case "divisors":
      var divisors: [Float] = []
      for value in try rope.settings.required("divisors", as: [JSON].self, file: rope.file) {
        guard let number = value.double else {
          throw rope.failure("divisors", "expected numbers, found \(value.kindName)")
        }
        divisors.append(Float(number))
      }
      return .divisors(divisors)
    default: throw rope.failure("rope_type", "the rope scaling \"\(type)\" isn't known")
    }
  }

  /// The double whose shortest decimal is the float's: 1e-05 rather than 9.999999747378752e-06.
  private static func shortest(_ value: Float) -> Double {
    Double(value.description) ?? Double(value)
  }
}
