import Checkpoints

/// Names of linear layers as recipes spell them: `q`, `gate`, …
extension LinearName {
  /// The name in recipes, such as `q`.
  package var short: String { "\(self)" }

  /// The layer with a short name or a checkpoint's name (`q_proj`, `self_attn.q_proj`, OPT's
  /// `out_proj`, `fc1`, `fc2`); nil for any other.
  package init?(short text: String) {
    let spellings = ["out_proj": "o", "fc1": "up", "fc2": "down"]
    var name = String(text.split(separator: ".").last ?? "")
    name = spellings[name] ?? name
    if name.hasSuffix("_proj") { name.removeLast(5) }
    guard let found = LinearName.allCases.first(where: { $0.short == name }) else { return nil }
    self = found
  }
}
