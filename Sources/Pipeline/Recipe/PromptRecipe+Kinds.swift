import BundleFormat
import Checkpoints

/// The fields of a prompt that only some kinds have: read from the recipe where the kind has them,
/// noted as out of place where it hasn't, and then all at their defaults.
struct OwnFields {
  private let fields: RecipeFields
  private let kind: AdapterKind
  private let absent: RecipeFields

  /// Every field that not all kinds have, by the kinds that do.
  private static let owners: [(kinds: [AdapterKind], names: [String])] = [
    ([.hard], ["hard_text"]), ([.lora], ["rank", "alpha", "targets"]), ([.soft], ["sink"]),
    ([.soft, .hard], ["key_values"]), ([.soft, .prefix], ["tokens"]),
    (
      [.soft, .prefix, .lora],
      [
        "text", "validation", "steps", "batch", "accumulate", "length", "optimiser",
        "learning_rate", "warmup", "schedule", "weight_decay", "clip_norm", "seed", "patience",
        "init_from", "objective", "kl_share", "teacher_top",
      ]
    ), ([.soft, .prefix], ["init", "init_text"]),
  ]

  init(_ fields: RecipeFields, _ kind: AdapterKind) {
    self.fields = fields
    self.kind = kind
    absent = RecipeFields(nil, section: fields.section, problems: fields.problems)
    for (kinds, names) in Self.owners where !kinds.contains(kind) {
      for name in names where fields.has(name) {
        // Asked for, so that it isn't an unknown key as well.
        _ = fields.node(name)
        let list = kinds.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        fields.note(name, "belongs to prompts of the kind \(list), not `\(kind.rawValue)`")
      }
    }
  }

  /// The recipe's fields where `kinds` has the recipe's kind, else those of an empty section.
  subscript(_ kinds: AdapterKind...) -> RecipeFields {
    kinds.contains(kind) ? fields : absent
  }

  func finish() { fields.finish() }
}

extension AdapterKind {
  /// For soft prompts the better of 0.03 and 0.1 on SmolLM2-135M (Recipes/studies); unmeasured for the
  /// others.
  var learningRate: Double {
    switch self {
    case .soft, .hard: 0.03
    case .prefix: 0.003
    case .lora: 0.001
    }
  }
}

extension LinearName {
  /// As recipes spell it: `q`, `gate` …
  var short: String { "\(self)" }

  /// Short, or as checkpoints spell it (`q_proj`, `self_attn.q_proj`, OPT's `out_proj`, `fc1`, `fc2`).
  init?(short text: String) {
    let spellings = ["out_proj": "o", "fc1": "up", "fc2": "down"]
    var name = String(text.split(separator: ".").last ?? "")
    name = spellings[name] ?? name
    if name.hasSuffix("_proj") { name.removeLast(5) }
    guard let found = LinearName.allCases.first(where: { $0.short == name }) else { return nil }
    self = found
  }
}
