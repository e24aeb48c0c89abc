import Bytes
import Checkpoints
import Foundation
import Numerics
import Testing

/// OPT's settings and tensors in each form of its checkpoints.
@Suite struct OPTTests {
  @Test func readsTheSettings() throws {
    #expect(
      try Checkpoint.open(Golden.path("opt")).configuration
        == ModelConfiguration(
          family: .opt, design: Self.design(), vocabularySize: 29, hiddenSize: 12,
          intermediateSize: 19, layers: 2, heads: 2, kvHeads: 2, headDim: 6, tiedEmbeddings: true,
          maximumPositions: 16, bosToken: 2, eosTokens: [2]))
    let postNorm = try Checkpoint.open(Golden.path("opt-350m")).configuration
    #expect(postNorm.design.normPlacement == .after && !postNorm.design.hasFinalNorm)
    #expect(postNorm.hiddenSize == 10 && postNorm.embeddingSize == 6 && postNorm.headDim == 5)
  }

  @Test func listsTheTensorsOfEachVariant() throws {
    let plain = try Checkpoint.open(Golden.path("opt"))
    #expect(plain.tensorNames.count == 2 + 2 * 16 + 2)
    #expect(plain.shape(of: "model.decoder.embed_positions.weight") == [18, 12])
    #expect(plain.shape(of: "model.decoder.final_layer_norm.bias") == [12])
    #expect(plain.shape(of: "lm_head.weight") == nil)
    let postNorm = try Checkpoint.open(Golden.path("opt-350m"))
    #expect(postNorm.shape(of: "model.decoder.embed_tokens.weight") == [29, 6])
    #expect(postNorm.shape(of: "model.decoder.project_in.weight") == [10, 6])
    #expect(postNorm.shape(of: "model.decoder.project_out.weight") == [6, 10])
    #expect(!postNorm.tensorNames.contains { $0.hasPrefix("model.decoder.final_layer_norm") })
    #expect(postNorm.shape(of: "model.decoder.layers.1.fc2.bias") == [10])
  }

  @Test(arguments: ["opt", "opt-350m"]) func canonicalFormReadsBack(_ model: String) throws {
    let configuration = try Checkpoint.open(Golden.path(model)).configuration
    let text = configuration.canonical.canonicalBytes
    #expect(try ModelConfiguration(canonical: try JSON(parsing: text)) == configuration)
    let settings = try #require(configuration.canonical.object)
    for key in settings.keys {
      var less = settings
      less[key] = nil
      #expect(throws: Failure.self, "\(key)") {
        try ModelConfiguration(canonical: .object(less), file: "settings")
      }
    }
    #expect(
      try ModelConfiguration(huggingFace: configuration.canonical, file: nil) == configuration)
  }

  private static let base: JSONObject = [
    "model_type": "opt", "architectures": ["OPTForCausalLM"], "vocab_size": 100, "hidden_size": 30,
    "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 6,
  ]

  private static func design() -> ModelDesign {
    ModelDesign(
      norm: .layer(hasWeights: true), normPlacement: .before, hasFinalNorm: true,
      feedForward: .plain(.relu), positions: .learned(offset: 2), biases: .all)
  }

  private func configuration(_ changes: JSONObject) throws(Failure) -> ModelConfiguration {
    var settings = Self.base
    for (name, value) in changes { settings[name] = value }
    return try ModelConfiguration(huggingFace: .object(settings), file: "config.json")
  }

  @Test func absentKeysHaveTheDefaultsOfTransformers() throws {
    let plain = try configuration([:])
    #expect(plain.design == Self.design() && plain.embeddingSize == 30 && plain.headDim == 5)
    #expect(plain.tiedEmbeddings && plain.maximumPositions == 2048 && plain.normEpsilon == 1e-5)
    #expect(plain.bosToken == 2 && plain.eosTokens == [2])
    #expect(try configuration(["word_embed_proj_dim": nil]).embeddingSize == 30)
  }

  @Test func appliesEverySettingOfTheDesign() throws {
    var design = Self.design()
    design.feedForward = .plain(.gelu)
    #expect(try configuration(["activation_function": "gelu"]).design == design)
    design = Self.design()
    design.biases = .none
    #expect(try configuration(["enable_bias": false]).design == design)
    design = Self.design()
    design.norm = .layer(hasWeights: false)
    #expect(try configuration(["layer_norm_elementwise_affine": false]).design == design)
    design = Self.design()
    design.hasFinalNorm = false
    #expect(try configuration(["_remove_final_layer_norm": true]).design == design)
    design.normPlacement = .after
    #expect(try configuration(["do_layer_norm_before": false]).design == design)
    let bare = try configuration(["enable_bias": false, "layer_norm_elementwise_affine": false])
    #expect(bare.modelTensors().count == 2 + 2 * 6)
  }

  @Test(
    arguments: [
      ("activation_function", "gelu_new", "is \"gelu_new\"; only relu and gelu"),
      ("num_attention_heads", 7, "don't divide hidden_size 30"),
      ("ffn_dim", nil, "is missing"), ("ffn_dim", 0, "is 0"),
      ("word_embed_proj_dim", -1, "is -1"), ("do_layer_norm_before", 1, "expected a boolean"),
      ("architectures", ["OPTForSequenceClassification"], "isn't a causal language model"),
      ("quantization_config", ["bits": 4], "already quantized"), ("eos_token_id", 100, "outside"),
    ] as [(String, JSON?, String)])
  func invalidSettingsAreRefused(_ key: String, _ value: JSON?, _ finding: String) throws {
    expectFailure(.invalidData, "config.json", finding) {
      var settings = Self.base
      settings[key] = value
      _ = try ModelConfiguration(huggingFace: .object(settings), file: "config.json")
    }
  }

  /// PyTorch files, with the first checkpoints' names, views and shards, have the same weights as
  /// their safetensors counterparts.
  @Test(arguments: [
    ("opt-bin", "opt"), ("opt-350m-bin", "opt-350m"), ("llama3-bin", "llama3-sharded"),
  ]) func pyTorchFilesMatchSafetensors(_ folder: String, _ safetensors: String) throws {
    let (found, expected) = (
      try Checkpoint.open(Golden.path(folder)), try Checkpoint.open(Golden.path(safetensors))
    )
    #expect(found.configuration == expected.configuration)
    #expect(found.tensorNames == expected.tensorNames)
    for name in expected.tensorNames {
      #expect(found.shape(of: name) == expected.shape(of: name), "\(name)")
      #expect(found.sourceType(of: name) == expected.sourceType(of: name), "\(name)")
      #expect(try found.tensor(name).values == expected.tensor(name).values, "\(name)")
      let (a, b) = (found.storedFloats(name), expected.storedFloats(name))
      #expect(a?.format == b?.format && a?.bytes.array == b?.bytes.array, "\(name)")
    }
    let onDisk = try FileManager.default.contentsOfDirectory(atPath: Golden.path(folder))
    #expect(found.files.sorted() == onDisk.map { Golden.path(folder) + "/" + $0 }.sorted())
  }
}
