import Bytes
import Checkpoints

/// The keys of PEFT's `adapter_config.json` (0.21, and what older versions wrote), by what becomes of
/// them.
package enum PEFTKeys {
  /// The keys of every kind of adapter.
  private static let common = SettingsKeys(
    implemented: ["peft_type"],
    refused: [
      .init(
        "modules_to_save", .nothing, "whole modules can't be imported",
        advice: "train the adapter without modules_to_save")
    ],
    // Where the adapter came from and how it was trained. The tensors decide what a task adds.
    irrelevant: [
      "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision",
      "task_type",
    ])

  /// The keys of prompts and prefixes.
  private static let rows =
    common
    + SettingsKeys(
      implemented: ["num_virtual_tokens", "token_dim"],
      refused: [
        .init("num_transformer_submodules", .oneOf([1]), "only decoders are supported")
      ])

  /// The keys of `PromptTuningConfig`. The rows in the file are final, however they were begun.
  package static let prompt =
    rows
    + SettingsKeys(irrelevant: [
      "num_attention_heads", "num_layers", "prompt_tuning_init", "prompt_tuning_init_text",
      "tokenizer_kwargs", "tokenizer_name_or_path",
    ])

  /// The keys of `PrefixTuningConfig`. PEFT saves the keys and values themselves, also of a prefix
  /// that was trained through a projection, and loads them without it.
  package static let prefix =
    rows
    + SettingsKeys(
      implemented: ["num_attention_heads", "num_layers"],
      irrelevant: ["encoder_hidden_size", "init_weights", "prefix_projection"])

  /// The keys of `LoraConfig`.
  package static let lora =
    common
    + SettingsKeys(
      implemented: [
        "alpha_pattern", "exclude_modules", "layers_pattern", "layers_to_transform", "lora_alpha",
        "r", "rank_pattern", "target_modules", "use_rslora",
      ],
      refused: [
        .init("alora_invocation_tokens", .nothing, variant),
        .init("arrow_config", .nothing, variant),
        .init("bias", .oneOf(["none"]), "biases can't be imported"),
        .init(
          "init_lora_weights",
          .oneOf([true, false, "gaussian", "eva", "orthogonal", "mica"]),
          "such an adapter belongs to base weights that its initialization changed",
          advice: "convert it to plain LoRA with PEFT's save_pretrained(…,"
            + " path_initial_model_for_weight_conversion=…)"),
        .init("kasa_config", .nothing, variant),
        .init("layer_replication", .nothing, "repeated layers can't be imported"),
        .init("lora_bias", .off, "biases can't be imported"),
        .init("megatron_config", .nothing, "layers of Megatron can't be imported"),
        .init("monteclora_config", .nothing, variant),
        .init("target_parameters", .nothing, "updates of single parameters can't be imported"),
        .init("trainable_token_indices", .nothing, "trained token embeddings can't be imported"),
        .init("use_bdlora", .nothing, variant),
        .init("use_dora", .off, variant),
        .init("use_qalora", .off, variant),
      ],
      // Dropout and backward passes are training's, and so are the settings of an initialization, whose
      // name decides. All layers here are nn.Linear, for which PEFT ignores `fan_in_fan_out`, and tied
      // ones are embeddings, whose updates are refused.
      irrelevant: [
        "corda_config", "ensure_weight_tying", "eva_config", "fan_in_fan_out", "loftq_config",
        "lora_dropout", "lora_ga_config", "megatron_core", "qalora_group_size", "runtime_config",
        "velora_config",
      ])

  private static let variant = "only plain LoRA can be imported"

  /// The keys of the kind that `peft_type` names; nil for other kinds.
  static func of(_ kind: String) -> SettingsKeys? {
    switch kind {
    case "PROMPT_TUNING": prompt
    case "PREFIX_TUNING": prefix
    case "LORA": lora
    default: nil
    }
  }
}

extension PEFTFolder {
  /// Notes about keys of the configuration that PEFT ignores, too.
  package var notes: [String] {
    let kind = configuration["peft_type"]?.string ?? ""
    let note = PEFTKeys.of(kind)?.note(
      about: configuration.object?.keys ?? [], of: kind,
      in: "\(path)/\(PEFTFolder.configurationFile)", peer: "PEFT")
    return note.map { [$0] } ?? []
  }
}
