import Bytes
import Checkpoints
import Numerics
import Prompts

/// What a prompt is taught: the loss in a word.
enum ObjectiveName: String, CaseIterable {
  case crossEntropy = "cross-entropy"
  case divergence = "kl"
  case mix
}

extension PromptRecipe {
  /// - Parameters:
  ///   - calibration: the text to learn from where the section names none; nil where it has to.
  ///   - seed: likewise.
  init(_ fields: RecipeFields, _ paths: RecipePaths, text calibration: String?, seed: Int) {
    name = fields.string("name") ?? "default"
    if !Recipe.isPlainName(name) || ["none", "auto"].contains(name) {
      fields.note(
        "name",
        "`\(name)` can't name a prompt: use letters, digits, `-`, `_` and `.`, but not `none` or `auto`"
      )
    }
    kind = fields.choice("kind", default: .soft)
    let own = OwnFields(fields, kind)
    hardText = own[.hard].string("hard_text")
    if kind == .hard, !fields.has("hard_text") {
      fields.note("hard_text", "is missing: a hard prompt is a given text")
    }
    keyValues = own[.soft, .hard].flag("key_values", default: kind == .soft || kind == .hard)
    (rank, alpha, targets) = Self.lowRank(own[.lora])
    tokens = own[.soft, .prefix].integer("tokens", default: 100, in: 1...65_536)
    sink = own[.soft].string("sink")
    arithmetic = fields.choice("arithmetic", default: .bfloat16)
    let fields = own[.soft, .prefix, .lora]
    text = kind == .hard ? "" : fields.existing("text", paths, default: calibration)
    steps = fields.integer("steps", default: 200, in: 1...100_000_000)
    batch = fields.integer("batch", default: 1, in: 1...65_536)
    accumulation = fields.integer("accumulate", default: 1, in: 1...65_536)
    length = fields.integer("length", default: 1024, in: 2...1_048_576)
    optimiser = fields.choice("optimiser", default: .adamw)
    learningRate = fields.number("learning_rate", default: kind.learningRate, in: 1e-12...1000)
    warmup = fields.integer("warmup", default: min(steps / 10, 500), in: 0...100_000_000)
    schedule = fields.choice("schedule", default: .linear)
    weightDecay = fields.number("weight_decay", default: 0, in: 0...1)
    clipNorm = fields.number("clip_norm", default: 1, in: 1e-12...1e12)
    self.seed = fields.integer("seed", default: seed, in: 0...Int.max)
    patience = fields.integer("patience", default: 0, in: 0...1_000_000)
    (start, startText, startFrom) = Self.start(fields, paths)
    (teacherShare, teacherTop) = Self.objective(fields)
    if warmup > steps { fields.note("warmup", "\(warmup) steps are more than all \(steps)") }
    validation = Validation(fields.section("validation"), paths, steps: steps)
    if kind != .hard, !fields.has("validation") {
      fields.note("validation", "is missing: the best prompt is chosen on text of its own")
    }
    own.finish()
  }

  private static func lowRank(
    _ fields: RecipeFields
  ) -> (rank: Int, alpha: Double, targets: [LinearName]) {
    let rank = fields.integer("rank", default: 8, in: 1...65_536)
    let alpha = fields.number("alpha", default: 2 * Double(rank), in: 1e-6...1e6)
    var targets: [LinearName] = []
    for node in fields.list("targets") {
      let text = node.string ?? ""
      if text == "all" { return (rank, alpha, []) }
      if let name = LinearName(short: text) {
        if !targets.contains(name) { targets.append(name) }
      } else {
        let known = LinearName.allCases.map(\.short).joined(separator: ", ")
        fields.note("targets", "expected `all` or some of \(known), found `\(text.prefix(40))`")
      }
    }
    return (rank, alpha, fields.has("targets") ? targets : [.q, .v])
  }

  /// `objective`, and the fields that only some objectives have.
  private static func objective(_ fields: RecipeFields) -> (share: Double, top: Int) {
    let objective: ObjectiveName = fields.choice("objective", default: .crossEntropy)
    let share = fields.optionalNumber("kl_share", in: 0...1)
    let top = fields.optionalInteger("teacher_top", in: 0...4096)
    if share != nil, objective != .mix {
      fields.note("kl_share", "belongs to the objective `mix`")
    }
    if top != nil, objective == .crossEntropy {
      fields.note("teacher_top", "belongs to the objectives `kl` and `mix`: there is no teacher")
    }
    switch objective {
    case .crossEntropy: return (0, 0)
    case .divergence: return (1, top ?? 64)
    case .mix: return (share ?? 0.5, top ?? 64)
    }
  }

  /// `init`, `init_text` and `init_from`: at most one of them.
  private static func start(
    _ fields: RecipeFields, _ paths: RecipePaths
  ) -> (PromptSettings.Initialisation, String?, PromptPlace?) {
    let given = ["init", "init_text", "init_from"].filter { fields.has($0) }
    if given.count > 1 {
      fields.note(given[1], "and `\(given[0])` both say what the prompt starts from")
    }
    let start: PromptSettings.Initialisation = fields.choice("init", default: .text)
    if start == .given { fields.note("init", "a given start is written as `init_text: …`") }
    if let text = fields.string("init_text") {
      if text.isEmpty { fields.note("init_text", "is empty") }
      return (.given, text, nil)
    }
    guard fields.has("init_from") else { return (start, nil, nil) }
    let place = fields.section("init_from")
    defer { place.finish() }
    if !place.has("bundle") { place.note("bundle", "is missing") }
    return (
      .text, nil,
      PromptPlace(bundle: place.existing("bundle", paths), prompt: place.string("prompt"))
    )
  }
}

extension PromptRecipe.Validation {
  init(_ fields: RecipeFields, _ paths: RecipePaths, steps: Int) {
    text = fields.isGiven ? fields.existing("text", paths) : ""
    windows = fields.integer("windows", default: 16, in: 1...1_000_000)
    every = fields.integer("every", default: max(1, min(100, steps / 5)), in: 1...100_000_000)
    fields.finish()
  }
}
