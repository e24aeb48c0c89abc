import Bytes

/// The keys of a GGUF file's model, by what becomes of them (gguf 0.19, llama.cpp's
/// `llama_model::load_hparams` for "llama", "qwen2" and "qwen3"). Those of its tokenizer are in
/// `GGUFVocabulary.Key`.
package enum GGUFModelKeys {
  /// Keys with the architecture's name and a dot before them.
  package static let architecture = SettingsKeys(
    implemented: [
      "attention.head_count", "attention.head_count_kv", "attention.key_length",
      "attention.layer_norm_rms_epsilon", "attention.sliding_window", "attention.value_length",
      "block_count", "context_length", "embedding_length", "feed_forward_length",
      "rope.dimension_count", "rope.freq_base", "rope.scale_linear", "rope.scaling.factor",
      "rope.scaling.type",
    ],
    refused: mixtures + scales
      + otherArchitectures.map {
        .init($0, .nothing, "the setting belongs to other architectures")
      },
    // Parts of yarn, whose type is refused; how the file was made; copies of what tensors say; parts
    // of mixtures of experts, whose count is refused, and of heads that make no logits.
    irrelevant: [
      "attention.layer_norm_epsilon", "classifier.output_labels", "expert_feed_forward_length",
      "expert_gating_func", "expert_used_count", "expert_weights_norm", "expert_weights_scale",
      "pooling_type", "rope.scaling.finetuned", "rope.scaling.original_context_length",
      "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "tensor_data_layout",
      "vocab_size", "{dense}_feat_in", "{dense}_feat_out",
    ])

  private static let mixtures: [SettingsKeys.Rule] =
    ["expert_count", "expert_shared_count", "leading_dense_block_count", "nextn_predict_layers"]
    .map { key in
      .init(
        key, .nothing,
        key == "nextn_predict_layers"
          ? "layers that predict further tokens aren't supported"
          : "a mixture of experts isn't supported", advice: ModelFamily.supported)
    }

  /// Factors and other changes of the function that some architectures have.
  private static let scales: [SettingsKeys.Rule] = [
    .init("attention.causal", .oneOf([true]), "only causal attention is supported"),
    .init("attention.clamp_kqv", .nothing, "bounds of queries, keys and values aren't supported"),
    .init("attention.max_alibi_bias", .nothing, "ALiBi positions aren't supported"),
    .init("attention.scale", .nothing, "only 1/√(head width) is supported, which is written as 0"),
    .init("attn_logit_softcapping", .nothing, "bounds of attention logits aren't supported"),
    .init("final_logit_softcapping", .nothing, "bounds of logits aren't supported"),
    .init("embedding_scale", .oneOf([0, 1, 0.0, 1.0]), "only 1 is supported"),
    .init("logit_scale", .oneOf([0, 1, 0.0, 1.0]), "only 1 is supported"),
    .init("residual_scale", .oneOf([0, 1, 0.0, 1.0]), "only 1 is supported"),
    .init("use_parallel_residual", .off, "attention beside the feed-forward isn't supported"),
    .init("rope.scaling.alpha", .nothing, "rope scaling by alpha isn't supported"),
    .init("rope.scaling.attn_factor", .number(1), "only 1 is supported"),
    .init("rope.scaling.yarn_attn_factor", .number(1), "only 1 is supported"),
    .init("rope.scaling.yarn_ext_factor", .oneOf([0, -1, 0.0, -1.0]), "only 0 is supported"),
    .init("rope.scaling.yarn_log_multiplier", .nothing, "only 0 is supported"),
  ]

  /// Keys that llama.cpp reads for other architectures alone; a file that has one with a value isn't
  /// what its architecture says.
  private static let otherArchitectures = [
    "activation_sparsity_scale", "altup.active_idx", "altup.num_inputs",
    "attention.decay_lora_rank", "attention.gate_lora_rank", "attention.group_norm_epsilon",
    "attention.group_norm_groups", "attention.iclr_lora_rank",
    "attention.indexer.head_count", "attention.indexer.key_length",
    "attention.indexer.top_k", "attention.key_length_mla",
    "attention.key_length_swa", "attention.kv_lora_rank", "attention.output_scale",
    "attention.q_lora_rank", "attention.relative_buckets_count", "attention.shared_kv_layers",
    "attention.sliding_window_pattern", "attention.temperature_length",
    "attention.temperature_scale", "attention.value_length_mla", "attention.value_length_swa",
    "attention.value_residual_mix_lora_rank", "convnext.block_count", "convnext.embedding_length",
    "decoder_block_count", "decoder_start_token_id", "embedding_length_out",
    "embedding_length_per_layer_input", "expert_chunk_feed_forward_length", "expert_group_count",
    "expert_group_scale", "expert_group_used_count", "expert_shared_feed_forward_length",
    "experts_per_group", "features_length", "full_attention_interval",
    "interleave_moe_layer_step", "kda.head_dim", "moe_every_n_layers", "moe_latent_size",
    "n_deepstack_layers", "posnet.block_count", "posnet.embedding_length",
    "rescale_every_n_layers", "rope.dimension_count_swa", "rope.dimension_sections",
    "rope.freq_base_swa", "router_logit_softcapping", "shortconv.l_cache", "ssm.conv_kernel",
    "ssm.dt_b_c_rms", "ssm.group_count", "ssm.inner_size", "ssm.state_size",
    "ssm.time_step_rank", "swiglu_clamp_exp", "swiglu_clamp_shexp", "swin_norm",
    "time_decay_extra_dim", "time_mix_extra_dim", "token_shift_count", "wkv.head_size",
  ]

  /// Keys of the file as a whole.
  package static let file = SettingsKeys(
    implemented: [
      "general.architecture", "general.alignment", "split.count", "split.no",
      "split.tensors.count",
    ],
    refused: [
      .init("general.type", .oneOf(["model"]), "only files of the type \"model\" are models"),
      .init("adapter.type", .nothing, "the file holds an adapter, not a model"),
    ],
    // Tensors carry their own types; defaults of sampling are options here.
    irrelevant: [
      "general.file_type", "general.quantization_version", "general.sampling.mirostat",
      "general.sampling.mirostat_eta", "general.sampling.mirostat_tau", "general.sampling.min_p",
      "general.sampling.penalty_last_n", "general.sampling.penalty_repeat",
      "general.sampling.sequence", "general.sampling.temp", "general.sampling.top_k",
      "general.sampling.top_p", "general.sampling.xtc_probability",
      "general.sampling.xtc_threshold",
    ])
}

extension GGUFMetadata {
  /// Refuses the first key of the file or of its `architecture` that changes the function in a way that
  /// isn't supported.
  /// - Throws: `invalidData` naming the key and its value.
  func check(architecture: String) throws(Failure) {
    for (keys, prefix) in [
      (GGUFModelKeys.file, ""), (GGUFModelKeys.architecture, architecture + "."),
    ] {
      guard let found = keys.finding({ values[prefix + $0]?.json }) else { continue }
      throw failure(prefix + found.key, found.finding, advice: found.advice)
    }
  }

  /// Notes about keys of the `architecture` that neither llama.cpp nor ctpack knows.
  func notes(architecture: String) -> [String] {
    let prefix = architecture + "."
    let keys = values.keys.filter { $0.hasPrefix(prefix) }.sorted()
    let note = GGUFModelKeys.architecture.note(
      about: keys.map { String($0.dropFirst(prefix.count)) }, of: "the architecture", in: file,
      peer: "llama.cpp")
    return note.map { [$0] } ?? []
  }
}

extension GGUFValue {
  /// A scalar as JSON; arrays as that many nulls, at most 8.
  var json: JSON {
    switch self {
    case .unsigned(let value): Int64(exactly: value).map { .integer($0) } ?? .number(Double(value))
    case .signed(let value): .integer(value)
    case .float(let value): value.isFinite ? .number(value) : .string("\(value)")
    case .bool(let value): .bool(value)
    case .string(let bytes): .string(String(decoding: bytes.array, as: UTF8.self))
    case .array(let array): .array(.init(repeating: .null, count: min(array.count, 8)))
    }
  }
}
