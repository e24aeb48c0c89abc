import Bytes

/// The sliding window of a `config.json`, as transformers' configuration classes read it.
extension RotaryDecoder {
  /// Length of the attention window in tokens; nil if no layer has one.
  ///
  /// A model of which only some layers have a window is treated as one with the window: it computes
  /// the same function as long as no position leaves the window.
  ///
  /// - Throws: `invalidData` if a key is invalid or `layer_types` contradicts the others.
  func window(_ reader: SettingsReader, layers: Int) throws(Failure) -> Int? {
    let length = try windowLength(reader)
    guard let types = try slidingLayers(reader, layers: layers) else {
      guard case .whenUsed = slidingWindow else { return length }
      let first = try reader.integer("max_window_layers", in: 0...Int(Int32.max)) ?? 28
      return layers > first ? length : nil
    }
    if let length {
      // The layers of these classes that slide are those of layer_types.
      if case .whenUsed = slidingWindow { return types.contains(true) ? length : nil }
      guard !types.contains(false) else {
        throw reader.failure(
          "layer_types",
          "names layers with full attention, but sliding_window is \(length), which gives every"
            + " layer a window", advice: "set sliding_window to null if no layer has one")
      }
    } else if types.contains(true) {
      throw reader.failure(
        "layer_types", "names layers with sliding attention, but \(unused(reader))",
        advice: "correct the one or the other")
    }
    return length
  }

  /// The length of the window of the layers that have one, in tokens; nil if there is none.
  private func windowLength(_ reader: SettingsReader) throws(Failure) -> Int? {
    let limit = ModelConfiguration.Limit.positions
    let preset: Int
    switch slidingWindow {
    case .never: return nil
    case .unlessNull(let length): preset = length
    case .whenUsed(let length):
      guard try reader.boolean("use_sliding_window") == true else { return nil }
      preset = length
    }
    guard reader.has("sliding_window") else { return preset }
    return try reader.integer("sliding_window", in: limit)
  }

  /// Whether each layer has a window, by `layer_types`; nil without the key.
  private func slidingLayers(
    _ reader: SettingsReader, layers: Int
  ) throws(Failure) -> [Bool]? {
    guard let value = reader.value("layer_types") else { return nil }
    guard let types = value.array else {
      throw reader.failure("layer_types", "expected an array, found \(value.kindName)")
    }
    guard types.count == layers else {
      throw reader.failure(
        "layer_types", "has \(types.count) entries, but num_hidden_layers is \(layers)")
    }
    var sliding: [Bool] = []
    for type in types {
      switch type.string {
      case "sliding_attention": sliding.append(true)
      case "full_attention", "attention": sliding.append(false)
      default:
        throw reader.failure(
          "layer_types", "names \(type.excerpt)",
          advice: "full_attention and sliding_attention are supported")
      }
    }
    return sliding
  }

  /// A clause that says why there is no window.
  private func unused(_ reader: SettingsReader) -> String {
    switch slidingWindow {
    case .never: "models of this class have none"
    case .whenUsed where reader.value("use_sliding_window")?.bool != true:
      "use_sliding_window is \(reader.value("use_sliding_window")?.excerpt ?? "absent")"
    case .whenUsed, .unlessNull: "sliding_window is null"
    }
  }
}
