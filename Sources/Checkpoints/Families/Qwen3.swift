/// Qwen3's dense models: LLaMA with an RMS norm on each head's queries and keys, and 128 channels
/// per head at any model width (transformers' `Qwen3ForCausalLM`).
extension ModelFamily {
  package static let qwen3 = ModelFamily(
    name: "qwen3", title: "Qwen3", architecture: "Qwen3ForCausalLM",
    settings: RotaryDecoder(
      design: .llama(hasHeadNorms: true), maximumPositions: 32768, headDim: 128,
      slidingWindow: .whenUsed(4096), refusesAttentionBias: true),
    gguf: GGUFMapping(architecture: "qwen3", design: .llama(hasHeadNorms: true)))
}
