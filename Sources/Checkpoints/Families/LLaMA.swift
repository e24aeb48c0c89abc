/// LLaMA 1 to 3 and the many other models of the same class (transformers' `LlamaForCausalLM`).
extension ModelFamily {
  package static let llama = ModelFamily(
    name: "llama", title: "LLaMA", architecture: "LlamaForCausalLM",
    settings: RotaryDecoder(
      design: .llama(), maximumPositions: 2048, bosToken: 1, eosToken: 2,
      refusesAttentionBias: true),
    gguf: GGUFMapping(architecture: "llama", design: .llama(), hasPairedRotaryRows: true))
}
