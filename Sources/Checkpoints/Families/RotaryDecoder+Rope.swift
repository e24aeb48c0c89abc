import Bytes

/// The rotary embedding's settings in a `config.json` and in a bundle.
extension RotaryDecoder {
  /// The base θ and the scaling in a `config.json`; 10000 and no scaling by default.
  ///
  /// - Parameter maximumPositions: The default of llama3 scaling's original context, in tokens.
  func rope(
    _ reader: SettingsReader, maximumPositions: Int
  ) throws(Failure) -> (theta: Double, scaling: RopeScaling) {
    var theta = try reader.number("rope_theta") ?? 10000
    guard let key = ["rope_parameters", "rope_scaling"].first(where: { reader.value($0) != nil }),
      let settings = reader.value(key)
    else { return (theta, .none) }
    guard settings.object != nil else {
      throw reader.failure(key, "expected an object, found \(settings.kindName)")
    }
    let inner = try SettingsReader(settings, file: reader.file)
    theta = try inner.number("rope_theta") ?? theta
    if let factor = try inner.number("partial_rotary_factor"), factor != 1 {
      throw inner.failure("partial_rotary_factor", "is \(factor); only 1 is supported")
    }
    let older = try inner.string("type")
    let type = try inner.string("rope_type") ?? older ?? "default"
    switch type {
    case "default": return (theta, .none)
    case "linear": return (theta, .linear(factor: try inner.requiredNumber("factor")))
    case "llama3":
      return (
        theta,
        .llama3(
          factor: try inner.requiredNumber("factor"),
          lowFrequencyFactor: try inner.requiredNumber("low_freq_factor"),
          highFrequencyFactor: try inner.requiredNumber("high_freq_factor"),
          originalMaximumPositions: try inner.integer(
            "original_max_position_embeddings", in: ModelConfiguration.Limit.positions)
            ?? maximumPositions)
      )
    default:
      throw reader.failure(
        key, "the rope scaling \"\(type)\" isn't known",
        advice: "default, linear and llama3 are supported")
    }
  }

  /// The scaling in a bundle's `rope_parameters`.
  func canonicalScaling(_ rope: SettingsReader) throws(Failure) -> RopeScaling {
    let type = try rope.string("rope_type") ?? ""
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try rope.requiredNumber("factor"))
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
