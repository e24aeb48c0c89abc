import Bytes

/// The modules that a LoRA adapter updates by its configuration, as PEFT finds them
/// (`check_target_module_exists`).
///
/// Lists of names are followed. Regular expressions and "all-linear" aren't evaluated: PEFT made the
/// file with them, so its tensors tell.
struct PEFTTargets {
  private let names: Set<String>?
  private let excluded: Set<String>
  private let layers: Set<Int>?
  private let patterns: [String]

  /// The layers that PEFT updates in models of the supported families if `target_modules` is null.
  private static let preset = ["q_proj", "v_proj"]

  /// - Throws: what `wrong` makes of a key of the wrong type.
  init(
    _ settings: JSON, wrong: (_ key: String, _ finding: String) -> Failure
  ) throws(Failure) {
    func strings(_ key: String) throws(Failure) -> (list: [String]?, text: String?) {
      guard let value = settings[key], !value.isNull else { return (nil, nil) }
      if let text = value.string { return (nil, text) }
      guard let elements = value.array, elements.allSatisfy({ $0.string != nil }) else {
        throw wrong(key, "expected a string or an array of strings, found \(value.kindName)")
      }
      return (elements.compactMap(\.string), nil)
    }
    let targets = try strings("target_modules")
    names = targets.text == nil ? Set(targets.list ?? Self.preset) : nil
    excluded = Set(try strings("exclude_modules").list ?? [])
    let pattern = try strings("layers_pattern")
    patterns = pattern.text.map { $0.isEmpty ? [] : [$0] } ?? pattern.list ?? []
    if let value = settings["layers_to_transform"], !value.isNull {
      let elements = value.array ?? [value]
      let indices = elements.compactMap(\.int)
      guard indices.count == elements.count else {
        throw wrong("layers_to_transform", "expected a number or an array of numbers")
      }
      layers = indices.isEmpty ? nil : Set(indices)
    } else {
      layers = nil
    }
  }

  /// The key that leaves the module `name` out; nil if the adapter updates it.
  func exclusion(of name: String) -> String? {
    let ends = Self.ends(of: name)
    if ends.contains(where: excluded.contains) { return "exclude_modules" }
    guard let names else { return nil }
    if names.contains(name) { return nil }
    guard ends.contains(where: names.contains) else { return "target_modules" }
    guard let layers else { return nil }
    guard let index = layerIndex(of: name), layers.contains(index) else {
      return "layers_to_transform"
    }
    return nil
  }

  /// A module's name, and what follows each of its points.
  private static func ends(of name: String) -> [String] {
    var ends = [name]
    for place in name.indices where name[place] == "." {
      ends.append(String(name[name.index(after: place)...]))
    }
    return ends
  }

  /// The first number among the parts of a module's name that comes after a list of layers.
  private func layerIndex(of name: String) -> Int? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    for place in parts.indices.dropFirst().dropLast() {
      guard let index = Int(parts[place]), index >= 0 else { continue }
      let isList = patterns.contains { String(parts[place - 1]) == $0 }
      if patterns.isEmpty ? place >= 2 : isList { return index }
    }
    return nil
  }
}
