import BundleFormat
import Bytes
import Checkpoints

/// The export of adapters in PEFT's format.
extension StoredAdapter {
  /// The adapter as a folder that PEFT loads onto its base model.
  ///
  /// A hard prompt becomes a soft prompt with the same rows. A prefix [layers, 2, n, width] becomes
  /// n rows of [layers · 2 · width], which PEFT puts into the cache unchanged.
  ///
  /// - Parameters:
  ///   - base: the name or folder of the base model, for PEFT's configuration.
  ///   - c: the model's configuration.
  package func peft(at path: String, base: String, for c: ModelConfiguration) -> PEFTFolder {
    var settings: JSONObject = [
      "base_model_name_or_path": .string(base), "task_type": "CAUSAL_LM", "inference_mode": true,
    ]
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    switch shape {
    case .embeddings(let tokens, let width, _):
      settings["peft_type"] = "PROMPT_TUNING"
      settings["prompt_tuning_init"] = "RANDOM"
      PEFTNames.describe(c, tokens: tokens, width: width, heads: c.heads, in: &settings)
      tensors[PEFTNames.rows] = ([tokens, width], values)
    case .prefix(let tokens, let layers, let width):
      settings["peft_type"] = "PREFIX_TUNING"
      settings["prefix_projection"] = false
      settings["encoder_hidden_size"] = JSON(width)
      PEFTNames.describe(c, tokens: tokens, width: width, heads: c.kvHeads, in: &settings)
      tensors[PEFTNames.rows] = (
        [tokens, layers * 2 * width],
        PEFTNames.swapped(values, outer: 2 * layers, inner: tokens, width: width)
      )
    case .lowRank(let lowRank):
      let (rank, alpha, targets) = (lowRank.rank, lowRank.alpha, lowRank.targets)
      settings["peft_type"] = "LORA"
      settings["r"] = JSON(rank)
      settings["lora_alpha"] = .number(alpha)
      settings["lora_dropout"] = 0
      settings["bias"] = "none"
      settings["fan_in_fan_out"] = false
      settings["target_modules"] = JSON(PEFTNames.modules(targets, layers: c.layers))
      var start = 0
      for target in targets {
        let module = PEFTNames.module(target.tensor)
        for (name, rows, columns) in [
          (PEFTNames.a, rank, target.inputs), (PEFTNames.b, target.outputs, rank),
        ] {
          tensors[PEFTNames.root + module + name] = (
            [rows, columns], Array(values[start..<start + rows * columns])
          )
          start += rows * columns
        }
      }
    }
    return PEFTFolder(path: path, configuration: .object(settings), tensors: tensors)
  }
}

/// Names in PEFT's files.
enum PEFTNames {
  static let rows = "prompt_embeddings"
  static let root = "base_model.model."
  static let a = ".lora_A.weight"
  static let b = ".lora_B.weight"

  /// Adds the settings that prompts and prefixes have in common.
  static func describe(
    _ c: ModelConfiguration, tokens: Int, width: Int, heads: Int, in settings: inout JSONObject
  ) {
    settings["num_virtual_tokens"] = JSON(tokens)
    settings["token_dim"] = JSON(width)
    settings["num_layers"] = JSON(c.layers)
    settings["num_attention_heads"] = JSON(heads)
    settings["num_transformer_submodules"] = 1
  }

  /// The values of a tensor [outer, inner, width] as [inner, outer, width].
  static func swapped(_ values: [Float], outer: Int, inner: Int, width: Int) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for i in 0..<inner {
      for o in 0..<outer {
        let start = (o * inner + i) * width
        result += values[start..<start + width]
      }
    }
    return result
  }

  /// The module that a weight belongs to.
  static func module(_ tensor: String) -> String {
    tensor.hasSuffix(".weight") ? String(tensor.dropLast(7)) : tensor
  }

  /// The last name components of the modules if every block has all of them, otherwise the full
  /// names.
  static func modules(_ targets: [LowRankTarget], layers: Int) -> [String] {
    let full = targets.map { module($0.tensor) }
    let last = Set(full.compactMap { $0.split(separator: ".").last.map(String.init) })
    return last.count * layers == full.count ? last.sorted() : full
  }
}
