import Bytes
import Checkpoints
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  @Test func readsAFolderOfVersion5() throws {
    let configuration = try Checkpoint.open(Golden.path("llama3-sharded")).configuration
    #expect(
      configuration
        == ModelConfiguration(
          family: .llama, vocabularySize: 41, hiddenSize: 20, intermediateSize: 33, layers: 3,
          heads: 2, kvHeads: 2, headDim: 14, normEpsilon: 1e-6, ropeTheta: 500000,
          ropeScaling: .llama3(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaximumPositions: 64),
          maximumPositions: 512, bosToken: 3, eosTokens: [4, 5]))
  }

  @Test func readsTheOlderSpelling() throws {
    let configuration = try Checkpoint.open(Golden.path("mistral-old")).configuration
    #expect(
      configuration
        == ModelConfiguration(
          family: .mistral, vocabularySize: 31, hiddenSize: 12, intermediateSize: 19, layers: 1,
          heads: 2, kvHeads: 1, headDim: 6, normEpsilon: 1e-6, ropeTheta: 10000,
          ropeScaling: .linear(factor: 4), maximumPositions: 64, slidingWindow: 16, bosToken: 1,
          eosTokens: [2]))
  }

  @Test func readsBiasesAndTiedEmbeddings() throws {
    let qwen = try Checkpoint.open(Golden.path("qwen2")).configuration
    #expect(qwen.family == .qwen2 && qwen.design.biases == .queryKeyValue && !qwen.tiedEmbeddings)
    #expect(qwen.slidingWindow == nil && qwen.bosToken == nil && qwen.eosTokens.isEmpty)
    let llama = try Checkpoint.open(Golden.path("llama-tied")).configuration
    #expect(llama.family == .llama && llama.design == .llama() && llama.tiedEmbeddings)
    #expect(llama.bosToken == 1 && llama.eosTokens == [2])
  }

  @Test func readsGGUFMetadata() throws {
    #expect(
      try Checkpoint.open(Golden.path("llama-plain.gguf")).configuration
        == ModelConfiguration(
          vocabularySize: 23, hiddenSize: 18, intermediateSize: 29, layers: 2, heads: 3,
          kvHeads: 1, headDim: 6, normEpsilon: 1e-5, ropeTheta: 10000,
          ropeScaling: .linear(factor: 2), tiedEmbeddings: true, maximumPositions: 64, bosToken: 1,
          eosTokens: [2]))
    let quantized = try Checkpoint.open(Golden.path("llama-quantized.gguf")).configuration
    #expect(quantized.headDim == 8 && quantized.heads * quantized.headDim != quantized.hiddenSize)
    #expect(!quantized.tiedEmbeddings && quantized.ropeScaling == .none)
    let qwen = try Checkpoint.open(Golden.path("qwen2-plain.gguf")).configuration
    #expect(qwen.family == .qwen2 && qwen.design.biases == .queryKeyValue)
    let qwen3 = try Checkpoint.open(Golden.path("qwen3-plain.gguf")).configuration
    #expect(qwen3.family == .qwen3 && qwen3.design == .llama(hasHeadNorms: true))
    #expect(qwen3.headDim == 8 && qwen3.heads * qwen3.headDim != qwen3.hiddenSize)
    let factors = try Checkpoint.open(Golden.path("llama3-factors.gguf")).configuration
    guard case .divisors(let divisors) = factors.ropeScaling else {
      Issue.record("rope_freqs.weight was not read")
      return
    }
    // The file's factor is a quotient of two float32 frequencies.
    #expect(
      divisors.count == 4 && divisors[0] == 1
        && abs(Double(divisors[3]) - 8) <= Rounding.gamma(4) * 8)
  }

  @Test(arguments: GoldenModelTests.models) func canonicalFormReadsBack(_ model: String) throws {
    let configuration = try Checkpoint.open(Golden.path(model)).configuration
    let text = configuration.canonical.canonicalBytes
    let again = try ModelConfiguration(canonical: try JSON(parsing: text))
    #expect(again == configuration)
    #expect(again.canonical.canonicalBytes == text)
    #expect(again.inverseFrequencies() == configuration.inverseFrequencies())
  }

  @Test func canonicalQwenKeepsItsSlidingWindow() throws {
    var configuration = try Checkpoint.open(Golden.path("qwen2")).configuration
    configuration.slidingWindow = 128
    #expect(try ModelConfiguration(canonical: configuration.canonical) == configuration)
  }

  // MARK: Single settings changed in a valid configuration

  private static let base: JSONObject = [
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 100,
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
  ]

  private func configuration(
    _ changes: JSONObject, without key: String? = nil
  ) throws(Failure) -> ModelConfiguration {
    var settings = Self.base
    for (name, value) in changes { settings[name] = value }
    if let key { settings[key] = nil }
    return try ModelConfiguration(huggingFace: .object(settings), file: "config.json")
  }

  @Test func absentKeysHaveTheDefaultsOfTransformers() throws {
    let llama = try configuration([:])
    #expect(llama.kvHeads == 4 && llama.headDim == 8 && llama.ropeTheta == 10000)
    #expect(llama.normEpsilon == 1e-6 && llama.maximumPositions == 2048)
    #expect(!llama.tiedEmbeddings && llama.bosToken == 1 && llama.eosTokens == [2])
    let mistral = try configuration([
      "model_type": "mistral", "architectures": ["MistralForCausalLM"],
    ])
    #expect(mistral.slidingWindow == 4096)
    let open = try configuration([
      "model_type": "mistral", "architectures": nil, "sliding_window": nil, "eos_token_id": [7, 9],
      "bos_token_id": nil, "num_key_value_heads": nil, "head_dim": nil, "rope_scaling": nil,
    ])
    #expect(open.slidingWindow == nil && open.eosTokens == [7, 9] && open.bosToken == nil)
    let qwen = try configuration([
      "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true,
      "sliding_window": 64, "max_window_layers": 1,
    ])
    #expect(qwen.slidingWindow == 64 && qwen.bosToken == nil && qwen.eosTokens.isEmpty)
    let qwen3 = try configuration([
      "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": nil,
    ])
    #expect(qwen3.headDim == 128 && qwen3.slidingWindow == nil && qwen3.eosTokens.isEmpty)
    #expect(qwen3.design == .llama(hasHeadNorms: true))
    expectFailure(.invalidData, "a Qwen3 with biases on all attention projections") {
      _ = try configuration([
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "attention_bias": true,
      ])
    }
  }

  @Test func familiesHaveDistinctNames() {
    let families = ModelFamily.all
    #expect(Set(families.map(\.name)).count == families.count)
    #expect(Set(families.map(\.architecture)).count == families.count)
    for family in families { #expect(ModelFamily(named: family.name) == family) }
    #expect(ModelFamily(named: "gpt2") == nil)
  }

  @Test func architectureAloneIsEnough() throws {
    #expect(try configuration([:], without: "model_type").family == .llama)
  }

  @Test func generationConfigurationDecidesSpecialTokens() throws {
    let generation: JSON = ["eos_token_id": [3, 4]]
    let configuration = try ModelConfiguration(
      huggingFace: .object(Self.base), generation: generation, file: nil)
    #expect(configuration.eosTokens == [3, 4] && configuration.bosToken == 1)
  }

  @Test func llama3ScalingFallsBackToTheModelsPositions() throws {
    let scaled = try configuration([
      "rope_scaling": [
        "rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1, "high_freq_factor": 4.0,
      ], "max_position_embeddings": 300,
    ])
    #expect(
      scaled.ropeScaling
        == .llama3(
          factor: 2, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaximumPositions: 300))
  }

  @Test(
    arguments: [
      ("model_type", "gpt2", "LLaMA, Mistral, Qwen2, Qwen3 and OPT"),
      ("model_type", 7, "expected a string"),
      ("architectures", ["LlamaForSequenceClassification"], "isn't a causal language model"),
      ("hidden_size", 0, "is 0; expected 1 to"),
      ("hidden_size", -32, "is -32"),
      ("hidden_size", "32", "expected an integer, found a string"),
      ("hidden_size", 1e300, "expected an integer"),
      ("hidden_size", 9_223_372_036_854_775_807, "expected 1 to"),
      ("hidden_size", nil, "is missing"),
      ("vocab_size", 1_000_000_000_000, "expected 1 to"),
      ("num_hidden_layers", 1_000_000, "expected 1 to 4096"),
      ("num_attention_heads", 5, "don't divide"),
      ("num_key_value_heads", 3, "can't share 3 key-value heads"),
      ("num_key_value_heads", 0, "is 0"),
      ("head_dim", 7, "needs an even number"),
      ("rms_norm_eps", -1, "epsilon"),
      ("rms_norm_eps", "1e-5", "expected a number"),
      ("rope_theta", 0, "rope theta"),
      ("hidden_act", "gelu", "only silu"),
      ("mlp_bias", true, "biases in the feed-forward"),
      ("attention_bias", true, "biases on all attention projections"),
      ("attention_bias", 1, "expected a boolean"),
      ("partial_rotary_factor", 0.5, "only 1 is supported"),
      ("quantization_config", ["quant_method": "gptq"], "already quantized"),
      ("bos_token_id", 100, "outside the vocabulary of 100"),
      ("eos_token_id", [1, "two"], "expected a token id"),
      ("rope_scaling", "linear", "expected an object"),
      ("rope_scaling", ["type": "yarn", "factor": 4], "default, linear and llama3"),
      ("rope_parameters", ["full_attention": ["rope_type": "default"]], "per kind of layer"),
      ("rope_scaling", ["type": "linear"], "key \"factor\": is missing"),
      ("rope_scaling", ["type": "linear", "factor": 0], "factor of 0.0"),
      (
        "rope_parameters", ["rope_type": "llama3", "factor": 8],
        "key \"low_freq_factor\": is missing"
      ),
      (
        "rope_parameters",
        ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4],
        "low 4.0, high 4.0"
      ),
    ] as [(String, JSON, String)])
  func refusesInvalidSettings(_ key: String, _ value: JSON, _ finding: String) {
    expectFailure(.invalidData, "config.json", finding) { _ = try configuration([key: value]) }
  }

  @Test(arguments: [
    "vocab_size", "head_dim", "rope_parameters", "tie_word_embeddings", "rms_norm_eps",
  ]) func canonicalFormIsComplete(_ key: String) throws {
    var settings = try #require(try configuration([:]).canonical.object)
    settings[key] = nil
    expectFailure(.invalidData, key, "is missing") {
      _ = try ModelConfiguration(canonical: .object(settings), file: "bundle")
    }
  }
}
