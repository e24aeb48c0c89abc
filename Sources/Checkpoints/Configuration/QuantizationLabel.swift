import Bytes

/// The storage of the weights that a `config.json` declares (`quantization_config`).
///
/// Only plain floats are read, but not every label denies them: compressed-tensors (the format of
/// llm-compressor) also labels sparse models that it stored dense, whose label merely describes the
/// zeros. A label that says otherwise is refused, because the values in the files aren't then the
/// model's.
enum QuantizationLabel {
  static let advice =
    "give the original F32, F16 or BF16 checkpoint, or a GGUF file; if its tensors are plain floats"
    + " all the same, remove the key"

  /// - Throws: `invalidData` naming the label that doesn't describe plain floats.
  static func check(_ reader: SettingsReader) throws(Failure) {
    // compression_config is the older name of the one key, sparsity_config the older place of the
    // other.
    for key in ["quantization_config", "compression_config"] {
      guard let label = reader.value(key) else { continue }
      guard label.object != nil else {
        throw reader.failure(key, "expected an object, found \(label.kindName)")
      }
      if let reason = finding(label) {
        throw reader.failure(
          key, "the weights are already quantized (\(reason))", advice: advice)
      }
    }
    if let label = reader.value("sparsity_config"), let reason = sparsityFinding(label) {
      throw reader.failure(
        "sparsity_config", "the weights are stored compressed (\(reason))", advice: advice)
    }
  }

  /// The member that says that the weights aren't plain floats; nil if none does.
  private static func finding(_ label: JSON) -> String? {
    func other(_ key: String, _ neutral: SettingsKeys.Neutral) -> String? {
      guard let value = label[key], !value.isNull, !neutral.contains(value) else { return nil }
      return "\(key) is \(value.excerpt)"
    }
    switch label["quant_method"]?.string {
    case "bitsandbytes":
      let flags = ["load_in_4bit", "_load_in_4bit", "load_in_8bit", "_load_in_8bit"]
      return flags.lazy.compactMap { other($0, .off) }.first
    case nil, "compressed-tensors":
      if label.object?.isEmpty == true { return nil }
      if label["quant_method"]?.string == nil, label["sparsity_config"] == nil {
        return "without a quant_method"
      }
      return other("format", .oneOf(["dense"]))
        ?? label["sparsity_config"].flatMap { sparsityFinding($0).map { "sparsity_config: " + $0 } }
        ?? groupFinding(label["config_groups"]) ?? other("kv_cache_scheme", .nothing)
        ?? other("transform_config", .nothing)
        ?? label.object?.keys.first { !known.contains($0) }.flatMap { other($0, .nothing) }
    default: return other("quant_method", .nothing) ?? "quant_method is \"\""
    }
  }

  /// The members of a compressed-tensors label.
  private static let known: Set<String> = [
    "quant_method", "format", "sparsity_config", "config_groups", "kv_cache_scheme",
    "transform_config", "quantization_status", "global_compression_ratio", "ignore", "version",
    "run_compressed",
  ]

  private static func sparsityFinding(_ label: JSON) -> String? {
    if label.isNull || label.object?.isEmpty == true { return nil }
    guard let format = label["format"] else { return "without a format" }
    return format == "dense" ? nil : "format is \(format.excerpt)"
  }

  /// The first group of layers that quantizes something; nil if none does.
  private static func groupFinding(_ groups: JSON?) -> String? {
    guard let groups, !groups.isNull else { return nil }
    guard let members = groups.object?.members else {
      return "config_groups is \(groups.excerpt)"
    }
    for (name, group) in members {
      for part in ["weights", "input_activations", "output_activations"] {
        guard let value = group[part], !value.isNull else { continue }
        return "config_groups.\(name).\(part) is \(value.excerpt)"
      }
    }
    return nil
  }
}
