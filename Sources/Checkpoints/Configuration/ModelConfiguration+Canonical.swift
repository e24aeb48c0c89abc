import Bytes

/// The form of a configuration that travels in a bundle: the keys of a version 5 `config.json`, every
/// one of them written out.
extension ModelConfiguration {
  package var canonical: JSON { family.settings.canonical(self) }

  /// Reads what `canonical` wrote. Throws `invalidData` naming the key that is missing or
  /// impossible.
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
