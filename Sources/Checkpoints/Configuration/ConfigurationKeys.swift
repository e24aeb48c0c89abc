import Bytes

/// The keys of `config.json` that transformers' configuration classes know (5.23, and earlier
/// versions as far as files still have them), by what becomes of them. A family adds its own.
enum ConfigurationKeys {
  /// The keys of every family.
  static let common = SettingsKeys(
    implemented: [
      "architectures", "model_type", "vocab_size", "hidden_size", "num_hidden_layers",
      "num_attention_heads", "max_position_embeddings", "bos_token_id", "eos_token_id",
      // Unless the checkpoint holds an output head that differs from the embedding.
      "tie_word_embeddings",
      // Accepted where they describe plain floats (`QuantizationLabel`).
      "quantization_config", "compression_config", "sparsity_config",
    ],
    refused: [
      .init(
        "quantization", .nothing, "the weights are already quantized",
        advice: QuantizationLabel.advice),
      .init("is_encoder_decoder", .off, "only decoders are supported"),
      .init("add_cross_attention", .off, "only decoders without an encoder are supported"),
      .init("per_layer_config", .nothing, "settings of single layers aren't supported"),
      .init("pruned_heads", .nothing, "layers without some of their heads aren't supported"),
    ],
    irrelevant: forms + training + identity + generation)

  /// Keys of what a forward pass returns and of how it is computed: not which function.
  private static let forms = [
    "attn_implementation", "_attn_implementation", "_attn_implementation_internal",
    "_attn_implementation_autoset", "chunk_size_feed_forward", "cross_attention_hidden_size",
    "dtype", "experts_implementation", "_experts_implementation",
    "_experts_implementation_internal", "is_decoder", "output_attentions", "output_hidden_states",
    "pad_token_id", "return_dict", "tie_encoder_decoder", "tie_last_hidden_states", "torch_dtype",
    "torchscript", "use_bfloat16", "use_cache",
  ]

  /// Dropout, initialization and losses, and heads of other models than language models.
  private static let training = [
    "attention_dropout", "finetuning_task", "id2label", "label2id", "num_labels", "problem_type",
    "tf_legacy_loss",
  ]

  /// Where the model came from. Code that `auto_map` names is never run.
  private static let identity = [
    "_commit_hash", "_name_or_path", "auto_map", "name_or_path", "tokenizer_class",
    "transformers_version", "transformers.js_config", "unsloth_fixed", "unsloth_version",
  ]

  /// Defaults of transformers' `generate`, which ctpack's options set.
  private static let generation = [
    "assistant_confidence_threshold", "assistant_lookbehind", "bad_words_ids",
    "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty", "do_sample",
    "early_stopping", "encoder_no_repeat_ngram_size", "encoder_repetition_penalty",
    "epsilon_cutoff", "eta_cutoff", "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size",
    "num_assistant_tokens", "num_assistant_tokens_schedule", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "prefix", "remove_invalid_values",
    "repetition_penalty", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
    "target_lookbehind", "task_specific_params", "temperature", "top_k", "top_p", "typical_p",
  ]

  /// The keys inside `rope_parameters`, or `rope_scaling` as it was called.
  static let rope = SettingsKeys(
    implemented: [
      "rope_theta", "rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
      "original_max_position_embeddings",
    ],
    refused: [
      .init("partial_rotary_factor", .number(1), "only 1 is supported"),
      .init("full_attention", .nothing, "a rotary embedding per kind of layer isn't supported"),
      .init("sliding_attention", .nothing, "a rotary embedding per kind of layer isn't supported"),
    ],
    // Keys of types that are refused (yarn, longrope); the supported ones don't use them, nor do
    // texts use `mrope_section`.
    irrelevant: [
      "attention_factor", "beta_fast", "beta_slow", "long_factor", "mrope_section", "mscale",
      "mscale_all_dim", "short_factor", "truncate",
    ])
}

extension SettingsKeys {
  /// The keys inside `rope_parameters` and `rope_scaling`.
  package static var ropeParameters: SettingsKeys { ConfigurationKeys.rope }
}

extension RotaryDecoder {
  func keys(of family: ModelFamily) -> SettingsKeys {
    var keys = SettingsKeys(
      implemented: [
        "head_dim", "intermediate_size", "layer_types", "num_key_value_heads",
        "original_max_position_embeddings", "rms_norm_eps", "rope_parameters", "rope_scaling",
        "rope_theta",
      ],
      refused: [
        .init("hidden_act", .oneOf(["silu", "swish"]), "only silu is supported"),
        .init("mlp_bias", .off, "biases in the feed-forward layers aren't supported"),
        .init("partial_rotary_factor", .number(1), "only 1 is supported"),
        .init("rope_interleaved", .off, "an interleaved rotary embedding isn't supported"),
      ],
      irrelevant: ["initializer_range", "pretraining_tp"])
    if refusesAttentionBias {
      keys.refused.append(
        .init(
          "attention_bias", .off,
          "a \(family.title) with biases on all attention projections isn't supported"))
    }
    switch slidingWindow {
    case .never: break
    case .unlessNull: keys.implemented.append("sliding_window")
    case .whenUsed:
      keys.implemented += ["sliding_window", "use_sliding_window", "max_window_layers"]
    }
    return ConfigurationKeys.common + keys
  }
}
