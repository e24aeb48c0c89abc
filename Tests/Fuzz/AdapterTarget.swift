import BundleFormat
import Bytes
import Checkpoints
import Prompts

/// A PEFT folder: adapter_config.json up to the first zero byte, then adapter_model.safetensors. It
/// is imported for the model of PromptsTests/Golden.
enum AdapterTarget {
  private static let model = Result {
    try ModelConfiguration(
      huggingFace: JSON(
        parsing: """
          {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 131,
           "hidden_size": 40, "intermediate_size": 52, "num_hidden_layers": 2, "head_dim": 8,
           "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 512,
           "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
           "sliding_window": null, "tie_word_embeddings": false, "bos_token_id": 1,
           "eos_token_id": 2}
          """), file: nil)
  }

  static func read(_ input: [UInt8]) throws(Failure) {
    guard case .success(let model) = model else { fatalError("the model is refused: \(model)") }
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    _ = ScratchInput.write(Array(parts[0]), "adapter_config.json")
    _ = ScratchInput.write(parts.count > 1 ? Array(parts[1]) : [], "adapter_model.safetensors")
    let folder = try PEFTFolder(reading: ScratchInput.folder)
    _ = try StoredAdapter(folder, name: "adapter", for: model)
  }
}
