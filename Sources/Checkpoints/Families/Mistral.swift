/// Mistral 7B and its relatives: LLaMA with a sliding window (transformers' `MistralForCausalLM`).
/// In GGUF files their architecture is "llama".
extension ModelFamily {
  package static let mistral = ModelFamily(
    name: "mistral", title: "Mistral", architecture: "MistralForCausalLM",
    settings: RotaryDecoder(
      design: .llama(), maximumPositions: 131072, bosToken: 1, eosToken: 2,
      slidingWindow: .unlessNull(4096)))
}
