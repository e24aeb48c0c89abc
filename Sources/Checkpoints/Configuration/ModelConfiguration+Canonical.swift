import Bytes

extension ModelConfiguration {
  /// The configuration as a bundle stores it: the keys of a transformers 5 `config.json`, all of
  /// them present.
  package var canonical: JSON { family.settings.canonical(self) }

  /// Reads a configuration written by `canonical`.
  /// - Throws: `invalidData` naming the key that is missing or invalid.
  package init(canonical: JSON, file: String? = nil) throws(Failure) {
    let reader = try SettingsReader(canonical, file: file)
    let type = try reader.string("model_type") ?? ""
    guard let family = ModelFamily(named: type) else {
      throw reader.failure(
        "model_type", "the model type \"\(type)\" isn't known", advice: ModelFamily.supported)
    }
    self = try family.settings.configuration(of: family, canonical: reader)
  }
}
