import Bytes
import Checkpoints
import Testing

/// Labels of quantized and of sparse weights in `config.json`: those that describe plain floats are
/// accepted.
@Suite struct QuantizationLabelTests {
  private func configuration(_ key: String, _ label: JSON) throws(Failure) -> ModelConfiguration {
    var settings: JSONObject = [
      "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48,
      "num_hidden_layers": 2, "num_attention_heads": 4,
    ]
    settings[key] = label
    return try ModelConfiguration(huggingFace: .object(settings), file: "config.json")
  }

  private static let sparse: JSON = [
    "format": "dense", "global_sparsity": 0.5, "sparsity_structure": "2:4", "targets": [],
  ]

  @Test(
    arguments: [
      ("quantization_config", nil), ("quantization_config", [:]),
      (
        "quantization_config",
        ["quant_method": "compressed-tensors", "format": "dense", "sparsity_config": sparse]
      ),
      (
        "quantization_config",
        [
          "quant_method": "compressed-tensors", "sparsity_config": sparse, "config_groups": [:],
          "kv_cache_scheme": nil, "quantization_status": "frozen", "ignore": ["lm_head"],
          "global_compression_ratio": 1.0, "version": "0.9", "transform_config": [:],
        ]
      ),
      (
        "quantization_config",
        [
          "quant_method": "compressed-tensors", "format": "dense",
          "config_groups": [
            "group_0": ["targets": ["Linear"], "weights": nil, "input_activations": nil]
          ],
        ]
      ),
      ("compression_config", ["sparsity_config": sparse]), ("sparsity_config", sparse),
      ("sparsity_config", [:]),
      (
        "quantization_config",
        ["quant_method": "bitsandbytes", "load_in_8bit": false, "llm_int8_threshold": 6.0]
      ),
    ] as [(String, JSON)])
  func labelsOfPlainFloatsAreAccepted(_ key: String, _ label: JSON) throws {
    #expect(try configuration(key, label) == configuration("sparsity_config", nil))
  }

  @Test(
    arguments: [
      ("quantization_config", "4bit", "expected an object"),
      ("quantization_config", ["quant_method": "gptq", "bits": 4], "quant_method is \"gptq\""),
      ("quantization_config", ["bits": 4], "without a quant_method"),
      (
        "quantization_config", ["quant_method": "bitsandbytes", "load_in_4bit": true],
        "load_in_4bit is true"
      ),
      (
        "quantization_config",
        ["quant_method": "compressed-tensors", "format": "pack-quantized"],
        "format is \"pack-quantized\""
      ),
      (
        "quantization_config",
        [
          "quant_method": "compressed-tensors", "format": "dense",
          "sparsity_config": ["format": "sparse-24-bitmask"],
        ], "sparsity_config: format is \"sparse-24-bitmask\""
      ),
      (
        "quantization_config",
        [
          "quant_method": "compressed-tensors", "format": "dense",
          "config_groups": ["group_0": ["weights": ["num_bits": 4]]],
        ], "config_groups.group_0.weights is {\"num_bits\":4}"
      ),
      (
        "quantization_config",
        [
          "quant_method": "compressed-tensors", "format": "dense",
          "kv_cache_scheme": ["num_bits": 8],
        ], "kv_cache_scheme is"
      ),
      (
        "quantization_config",
        ["quant_method": "compressed-tensors", "format": "dense", "new_scheme": true],
        "new_scheme is true"
      ),
      ("compression_config", ["format": "int-quantized"], "without a quant_method"),
      ("sparsity_config", ["format": "sparse-bitmask"], "format is \"sparse-bitmask\""),
      ("sparsity_config", ["sparsity_structure": "2:4"], "without a format"),
      ("quantization", ["group_size": 64, "bits": 4], "already quantized"),
    ] as [(String, JSON, String)])
  func otherLabelsAreRefused(_ key: String, _ label: JSON, _ finding: String) {
    expectFailure(.invalidData, "config.json: key \"\(key)\"", finding) {
      _ = try configuration(key, label)
    }
  }
}
