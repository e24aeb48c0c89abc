import Bytes

/// The rotary embedding's settings in a `config.json` and in a bundle.
extension RotaryDecoder {
  /// The base θ and the scaling in a `config.json`; 10000 and no scaling by default.
  ///
  /// Of keys that disagree, the ones that transformers follows count (5.23,
  /// `convert_rope_params_to_dict`): `rope_scaling` before `rope_parameters`, their `rope_theta`
  /// before the one outside, `rope_type` before `type`, and of the original context's lengths the
  /// one outside.
  ///
  /// - Parameter maximumPositions: The default of llama3 scaling's original context, in tokens.
  func rope(
    _ reader: SettingsReader, maximumPositions: Int
  ) throws(Failure) -> (theta: Double, scaling: RopeScaling) {
    let theta = try reader.number("rope_theta") ?? 10000
    let keys = ["rope_scaling", "rope_parameters"]
    guard let key = keys.first(where: { (reader.value($0) ?? [:]) != [:] }),
      let settings = reader.value(key)
    else { return (theta, .none) }
    guard settings.object != nil else {
      throw reader.failure(key, "expected an object, found \(settings.kindName)")
    }
    let inner = try SettingsReader(settings, file: reader.file)
    try inner.check(ConfigurationKeys.rope)
    let older = try inner.string("type")
    let type = try inner.string("rope_type") ?? older ?? "default"
    let scaling: RopeScaling
    switch type {
    case "default": scaling = .none
    case "linear": scaling = .linear(factor: try inner.requiredNumber("factor"))
    case "dynamic": scaling = .dynamic(factor: try inner.requiredNumber("factor"))
    case "llama3":
      let limit = ModelConfiguration.Limit.positions
      let name = "original_max_position_embeddings"
      let outside = try reader.integer(name, in: limit)
      let inside = try inner.integer(name, in: limit)
      scaling = .llama3(
        factor: try inner.requiredNumber("factor"),
        lowFrequencyFactor: try inner.requiredNumber("low_freq_factor"),
        highFrequencyFactor: try inner.requiredNumber("high_freq_factor"),
        originalMaximumPositions: outside ?? inside ?? maximumPositions)
    default:
      throw reader.failure(
        key, "the rope scaling \(type.quoted) isn't known",
        advice: "default, linear and llama3 are supported, and dynamic up to"
          + " max_position_embeddings")
    }
    return (try inner.number("rope_theta") ?? theta, scaling)
  }

  /// The scaling in a bundle's `rope_parameters`.
  func canonicalScaling(_ rope: SettingsReader) throws(Failure) -> RopeScaling {
    let type = try rope.string("rope_type") ?? ""
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try rope.requiredNumber("factor"))
    case "dynamic": return .dynamic(factor: try rope.requiredNumber("factor"))
    case "llama3":
      return .llama3(
        factor: try rope.requiredNumber("factor"),
        lowFrequencyFactor: try rope.requiredNumber("low_freq_factor"),
        highFrequencyFactor: try rope.requiredNumber("high_freq_factor"),
        originalMaximumPositions: try rope.requiredInteger(
          "original_max_position_embeddings", in: ModelConfiguration.Limit.positions))
    case "divisors":
      var divisors: [Float] = []
      for value in try rope.settings.required("divisors", as: [JSON].self, file: rope.file) {
        guard let number = value.double else {
          throw rope.failure("divisors", "expected numbers, found \(value.kindName)")
        }
        divisors.append(Float(number))
      }
      return .divisors(divisors)
    default: throw rope.failure("rope_type", "the rope scaling \"\(type)\" isn't known")
    }
  }
}
