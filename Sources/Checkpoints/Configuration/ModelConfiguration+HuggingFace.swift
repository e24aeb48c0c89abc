import Bytes

extension ModelConfiguration {
  /// Reads transformers' `config.json` by the rules of the model family that it names.
  ///
  /// - Parameter generation: The contents of `generation_config.json`, if the folder has one; its
  ///   special tokens take precedence.
  /// - Throws: `invalidData` if the model family isn't supported, the weights are already
  ///   quantized, or a setting is missing, invalid or not supported.
  package init(huggingFace: JSON, generation: JSON? = nil, file: String?) throws(Failure) {
    let reader = try SettingsReader(huggingFace, file: file)
    let family = try ModelFamily(reader)
    try QuantizationLabel.check(reader)
    try reader.check(family.settings.keys(of: family))
    self = try family.settings.configuration(of: family, from: reader, generation: generation)
  }

  /// Replaces the special tokens with those named in `generation_config.json`, if any.
  static func specialTokens(
    _ generation: JSON?, file: String?, bos: inout [Int32]?, eos: inout [Int32]?
  ) throws(Failure) {
    guard let generation else { return }
    let reader = try SettingsReader(generation, file: file)
    bos = try reader.tokens("bos_token_id") ?? bos
    eos = try reader.tokens("eos_token_id") ?? eos
  }
}

extension ModelFamily {
  /// The family named by `model_type` or, if that is absent, by the first of `architectures`.
  fileprivate init(_ reader: SettingsReader) throws(Failure) {
    let advice = ModelFamily.supported
    let named = reader.value("architectures")?[0]?.string
    if let type = try reader.string("model_type") {
      guard let family = ModelFamily(named: type) else {
        throw reader.failure("model_type", "the model type \"\(type)\" isn't known", advice: advice)
      }
      if let named, named != family.architecture {
        throw reader.failure(
          "architectures", "\"\(named)\" isn't a causal language model of type \"\(type)\"",
          advice: advice)
      }
      self = family
      return
    }
    guard let family = ModelFamily.all.first(where: { $0.architecture == named }) else {
      throw reader.failure(
        "model_type", named.map { "the architecture \"\($0)\" isn't known" } ?? "is missing",
        advice: advice)
    }
    self = family
  }
}
