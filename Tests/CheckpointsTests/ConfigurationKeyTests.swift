import Bytes
import Checkpoints
import TestSupport
import Testing

/// Every key that transformers' configuration classes and gguf know (Golden/make_configuration_golden.py)
/// is implemented, without an effect, or refused by name.
@Suite("Keys of the peers' configurations") struct ConfigurationKeyTests {
  private func peer(_ list: String) throws -> [String] {
    try Golden.json("configuration-keys.json").required(list, as: [JSON].self)
      .compactMap(\.string)
  }

  private func check(_ keys: SettingsKeys, has peers: [String], _ list: String) {
    #expect(peers.count > 5)
    #expect(Set(keys.all).count == keys.all.count, "\(list): a key is listed twice")
    #expect(keys.unknown(among: peers) == [], "\(list)")
  }

  @Test(arguments: ModelFamily.all.map(\.name)) func everyKeyIsClassified(_ name: String) throws {
    let keys = try #require(ModelFamily(named: name)).configurationKeys
    check(keys, has: try peer("common") + peer(name), name)
  }

  @Test func everyKeyOfGGUFIsClassified() throws {
    check(GGUFModelKeys.architecture, has: try peer("gguf"), "gguf")
    check(GGUFModelKeys.file, has: try peer("gguf_file"), "gguf_file")
  }

  @Test func everyKeyOfRopeParametersIsClassified() throws {
    check(SettingsKeys.ropeParameters, has: try peer("rope"), "rope")
  }

  /// A valid configuration of a family in which every implemented key has an effect.
  private func base(_ family: String) throws -> JSONObject {
    var base: JSONObject = [
      "model_type": .string(family), "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2,
      "num_attention_heads": 4, "max_position_embeddings": 128,
    ]
    if family == "opt" {
      base["ffn_dim"] = 48
    } else {
      base["intermediate_size"] = 48
      base["num_key_value_heads"] = 2
      base["rope_scaling"] = [
        "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
        "original_max_position_embeddings": 64,
      ]
    }
    if family.hasPrefix("qwen") {
      base["use_sliding_window"] = true
      base["max_window_layers"] = 1
      base["sliding_window"] = 64
    }
    return base
  }

  /// Another value of each implemented key; null beside a key leaves it out.
  private static let changes: [String: JSONObject] = [
    "architectures": ["architectures": ["OtherForCausalLM"]],
    "model_type": ["model_type": "gpt2"], "vocab_size": ["vocab_size": 101],
    "hidden_size": ["hidden_size": 64], "num_hidden_layers": ["num_hidden_layers": 3],
    "num_attention_heads": ["num_attention_heads": 2],
    "max_position_embeddings": ["max_position_embeddings": 256],
    "bos_token_id": ["bos_token_id": 7], "eos_token_id": ["eos_token_id": [7, 8]],
    "quantization_config": ["quantization_config": ["quant_method": "gptq"]],
    "compression_config": ["compression_config": ["format": "pack-quantized"]],
    "sparsity_config": ["sparsity_config": ["format": "sparse-bitmask"]],
    "head_dim": ["head_dim": 16], "intermediate_size": ["intermediate_size": 49],
    "layer_types": ["layer_types": ["full_attention", "chunked_attention"]],
    "num_key_value_heads": ["num_key_value_heads": 1],
    "original_max_position_embeddings": ["original_max_position_embeddings": 32],
    "rms_norm_eps": ["rms_norm_eps": 0.01],
    "rope_parameters": ["rope_scaling": nil, "rope_parameters": ["rope_theta": 500]],
    "rope_scaling": ["rope_scaling": ["type": "linear", "factor": 2]],
    "rope_theta": ["rope_theta": 500], "sliding_window": ["sliding_window": 16],
    "use_sliding_window": ["use_sliding_window": false],
    "max_window_layers": ["max_window_layers": 2],
    "_remove_final_layer_norm": ["_remove_final_layer_norm": true],
    "activation_function": ["activation_function": "gelu"],
    "do_layer_norm_before": ["do_layer_norm_before": false], "enable_bias": ["enable_bias": false],
    "ffn_dim": ["ffn_dim": 49],
    "layer_norm_elementwise_affine": ["layer_norm_elementwise_affine": false],
    "word_embed_proj_dim": ["word_embed_proj_dim": 16],
  ]

  @Test(arguments: ModelFamily.all.map(\.name))
  func implementedKeysChangeTheModel(_ name: String) throws {
    let family = try #require(ModelFamily(named: name))
    let base = try base(name)
    let plain = try ModelConfiguration(huggingFace: .object(base), file: nil)
    for key in family.configurationKeys.implemented {
      var changed = base
      let tie: JSONObject = ["tie_word_embeddings": .bool(!plain.tiedEmbeddings)]
      let change = key == "tie_word_embeddings" ? tie : try #require(Self.changes[key], "\(key)")
      for (name, value) in change { changed[name] = value }
      do {
        let other = try ModelConfiguration(huggingFace: .object(changed), file: "config.json")
        #expect(other != plain, "\(key)")
      } catch {
        #expect(error.place == "key \"\(key)\"", "\(error)")
      }
    }
  }

  /// A value that a rule refuses.
  private func refusedValue(_ rule: SettingsKeys.Rule) -> JSON {
    switch rule.neutral {
    case .off: true
    case .number(let neutral): .number(neutral + 0.5)
    case .nothing: ["x": 1]
    case .oneOf: "other"
    }
  }

  @Test(arguments: ModelFamily.all.map(\.name))
  func refusedKeysAreNamed(_ name: String) throws {
    let rules = try #require(ModelFamily(named: name)).configurationKeys.refused
    #expect(rules.count >= 5)
    let base = try base(name)
    for rule in rules {
      var changed = base
      changed[rule.key] = refusedValue(rule)
      expectFailure(.invalidData, "config.json: key \"\(rule.key)\": is ", rule.reason) {
        _ = try ModelConfiguration(huggingFace: .object(changed), file: "config.json")
      }
      changed[rule.key] = .null
      #expect(throws: Never.self, "\(rule.key)") {
        try ModelConfiguration(huggingFace: .object(changed), file: "config.json")
      }
    }
  }

  @Test func refusedKeysOfRopeParametersAreNamed() throws {
    for rule in SettingsKeys.ropeParameters.refused {
      var changed = try base("llama")
      changed["rope_scaling"] = .object(["rope_type": "default", rule.key: refusedValue(rule)])
      expectFailure(.invalidData, "key \"\(rule.key)\": is ", rule.reason) {
        _ = try ModelConfiguration(huggingFace: .object(changed), file: "config.json")
      }
    }
  }

  @Test func neutralValuesAreAccepted() throws {
    var settings = try base("llama")
    let neutral: JSONObject = [
      "hidden_act": "swish", "mlp_bias": false, "attention_bias": false,
      "partial_rotary_factor": 1.0, "pruned_heads": [:], "per_layer_config": [:],
      "is_encoder_decoder": false, "quantization": nil,
    ]
    let plain = try ModelConfiguration(huggingFace: .object(settings), file: nil)
    for (key, value) in neutral { settings[key] = value }
    #expect(try ModelConfiguration(huggingFace: .object(settings), file: nil) == plain)
  }
}
