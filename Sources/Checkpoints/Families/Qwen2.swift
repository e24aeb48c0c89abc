/// Qwen 1.5, 2 and 2.5: LLaMA with biases on q, k and v (transformers' `Qwen2ForCausalLM`).
extension ModelFamily {
  package static let qwen2 = ModelFamily(
    name: "qwen2", title: "Qwen2", architecture: "Qwen2ForCausalLM",
    settings: RotaryDecoder(
      design: .llama(biases: .queryKeyValue), maximumPositions: 32768,
      slidingWindow: .whenUsed(4096)),
    gguf: GGUFMapping(architecture: "qwen2", design: .llama(biases: .queryKeyValue)))
}
