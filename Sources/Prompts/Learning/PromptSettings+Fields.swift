import BundleFormat
import Bytes
import Checkpoints
import Models
import RecipeFields

/// The learner's settings as fields of a recipe's `prompt`. A new setting needs one line here and
/// its property.
extension PromptSettings {
  /// The fields of the updates.
  package static let updates: [RecipeField<PromptSettings>] = [
    .integer("steps", \.steps, 1...100_000_000, if: .learned, "updates of the prompt"),
    .integer("batch", \.batch, 1...65_536, if: .learned, "training windows per batch"),
    .integer(
      "accumulate", \.accumulation, 1...65_536, if: .learned,
      "batches whose gradients are averaged before an update"),
    .integer("length", \.length, 2...1_048_576, if: .learned, "tokens per training window"),
    .choice(
      "objective", \.objective, if: .learned,
      "the loss: cross-entropy with the text, the Kullback-Leibler divergence from the uncompressed model, or both"
    ).recorded { $0.kind == .hard ? nil : .string($0.minimised.rawValue) },
    .choice(
      "optimiser", \.optimiser, if: .learned,
      "AdamW (arXiv 1711.05101) or Adafactor (arXiv 1804.04235), which keeps less state"),
    .number(
      "learning_rate", \.learningRate, 1e-12...1000,
      default: .derived("0.03 for soft prompts, 0.003 for prefixes, 0.001 for LoRA") {
        usualLearningRate($0.kind)
      }, if: .learned, "the learning rate at its peak, after the warm-up"),
    .integer(
      "warmup", \.warmupSteps, 0...100_000_000,
      default: .derived("a tenth of `steps`, at most 500") { usualWarmup(steps: $0.steps) },
      if: .learned, "steps over which the learning rate rises linearly from 0; at most `steps`"),
    .choice(
      "schedule", \.schedule, if: .learned,
      "the learning rate after the warm-up: linear or cosine decay to 0, or constant"),
    .number(
      "weight_decay", \.weightDecay, 0...1, if: .learned,
      "decoupled weight decay per step, as a share of the learning rate"),
    .number(
      "clip_norm", \.clipNorm, 1e-12...1e12, if: .learned,
      "the Euclidean norm to which a larger gradient is scaled down"),
    .integer(
      "seed", \.seed, 0...Int.max, default: .inherited("the recipe's `seed`"), if: .learned,
      "the seed for the order of training windows and for random starts"),
    .integer(
      "patience", \.patience, 0...1_000_000, if: .learned,
      "measurements without improvement after which learning ends; 0 for never"),
  ]

  /// The fields of the section `validation`.
  package static let measurements: [RecipeField<PromptSettings>] = [
    .integer(
      "windows", \.validationWindows, 1...1_000_000,
      "validation windows of `length` tokens, from the text's start"),
    .integer(
      "every", \.validationEvery, 1...100_000_000,
      default: .derived("a fifth of `steps`, at most 100") {
        usualValidationInterval(steps: $0.steps)
      }, "steps between two measurements; the last step is always followed by one"),
  ]

  /// The fields of the teacher and of the adapter.
  package static let parameters: [RecipeField<PromptSettings>] = [
    .number(
      "kl_share", \.klShare, 0...1, if: .mixed,
      "the divergence's share of the loss; the rest is cross-entropy"
    ).recorded { $0.teacherShare > 0 ? .number($0.teacherShare) : nil },
    .integer(
      "teacher_top", \.teacherTop, 0...4096,
      default: .derived("64") { usualTeacherTop($0.objective) }, if: .taught,
      record: .when { $0.teacherShare > 0 },
      "most likely tokens kept per position of the uncompressed model's distribution, computed before learning; 0 computes the whole distribution at each step"
    ),
    .integer(
      "rank", \.rank, 1...65_536, if: .kinds(.lora),
      "the rank of the low-rank updates (LoRA, arXiv 2106.09685)"),
    .number(
      "alpha", \.alpha, 1e-6...1e6,
      default: .derived("twice the `rank`") { usualAlpha(rank: $0.rank) }, if: .kinds(.lora),
      "alpha / rank multiplies the low-rank updates"),
    targetsField,
    .integer(
      "tokens", \.tokens, 1...65_536, if: .kinds(.soft, .prefix),
      "rows of a soft prompt, or of a prefix's keys and values in every block"),
    .choice(
      "init", \.initialisation, shown: [.text, .vocabulary, .first], if: .kinds(.soft, .prefix),
      "the initial rows: embeddings of consecutive tokens of the text, of random tokens, or of the vocabulary's first tokens"
    ),
  ]

  /// Rules between settings.
  package static let rules: [FieldRule<PromptSettings>] = [
    FieldRule("warmup") {
      $0.warmupSteps <= $0.steps
        ? nil : FieldContradiction("\($0.warmupSteps) is more than the \($0.steps) `steps`")
    },
    FieldRule("sink") {
      $0.sink == nil || $0.kind == .soft
        ? nil
        : FieldContradiction(
          "a sink applies to soft prompts, not to a \($0.kind.rawValue)",
          advice: "leave the sink out")
    },
    FieldRule("sink") {
      $0.sink == nil || $0.tokens >= 2
        ? nil
        : FieldContradiction(
          "a prompt of one token has only the sink, and nothing to learn",
          advice: "use 2 tokens or more, or no sink")
    },
  ]

  private static let targetsField = RecipeField<PromptSettings>(
    "targets", if: .kinds(.lora),
    descriptions: { _ in
      [
        FieldDescription(
          "targets", type: "list of names",
          range: "`all`, or some of \(FieldText.list(LinearName.allCases.map(\.short)))",
          default: "`[q, v]`", if: FieldCondition<PromptSettings>.kinds(.lora).words,
          "the linear layers of every block that get low-rank updates; checkpoint names such as `q_proj` and `fc1` are accepted too"
        )
      ]
    },
    read: { source, settings in
      guard source.has("targets") else { return false }
      var targets: [LinearName] = []
      for text in source.list("targets") {
        if text == "all" {
          settings.targets = []
          return true
        }
        if let name = LinearName(short: text) {
          if !targets.contains(name) { targets.append(name) }
        } else {
          let known = LinearName.allCases.map(\.short).joined(separator: ", ")
          source.note(
            "targets", "expected `all` or some of \(known), found `\(text.prefix(40))`")
        }
      }
      settings.targets = targets
      return true
    },
    write: { settings, object in
      guard settings.kind == .lora else { return }
      object["targets"] =
        settings.targets.isEmpty ? "all" : .array(settings.targets.map { .string($0.short) })
    })

  /// Checks that each setting is in range and that they don't contradict each other.
  ///
  /// - Throws: `usage` naming the first wrong setting by its name in recipes.
  package func check() throws(Failure) {
    for (section, fields) in [
      ("prompt", Self.updates), ("prompt.validation", Self.measurements),
      ("prompt", Self.parameters),
    ] {
      guard let (name, fault) = fields.fault(in: self) else { continue }
      throw Failure(
        .usage, at: "\(section).\(name)", "\(fault.found) lies outside \(fault.allowed)")
    }
    for rule in Self.rules {
      if let found = rule.contradiction(self) {
        throw Failure(
          .usage, at: "prompt.\(rule.fields[0])", found.finding, advice: found.advice)
      }
    }
  }

  /// Checks the settings, and the adapter's shape for the model.
  package func check(for c: ModelConfiguration) throws(Failure) {
    try check()
    try adapterShape(c).check(c)
  }
}

extension FieldCondition where Section == PromptSettings {
  /// The condition of fields for adapters of these kinds.
  package static func kinds(_ kinds: AdapterKind...) -> Self { Self.kinds(kinds) }

  /// The condition of fields for every kind that is learned.
  package static var learned: Self { kinds(AdapterKind.learned, words: "not `hard`") }

  /// The condition of fields for a mixed objective.
  static var mixed: Self {
    objectives("objective `mix`", [.mix], "belongs to the objective `mix`")
  }

  /// The condition of fields for objectives with a teacher, the uncompressed model.
  static var taught: Self {
    objectives(
      "objective `kl` or `mix`", [.divergence, .mix],
      "belongs to the objectives `kl` and `mix`: there is no teacher")
  }

  private static func objectives(
    _ words: String, _ objectives: [PromptSettings.Objective], _ finding: String
  ) -> Self {
    Self(
      words, holds: { learned.holds($0) && objectives.contains($0.objective) },
      finding: { learned.holds($0) ? finding : learned.finding($0) })
  }

  private static func kinds(_ kinds: [AdapterKind], words: String? = nil) -> Self {
    let spellings = kinds.map(\.rawValue)
    let list = spellings.map { "`\($0)`" }.joined(separator: ", ")
    return Self(
      words ?? "kind " + FieldText.list(spellings), holds: { kinds.contains($0.kind) },
      finding: { "belongs to prompts of the kind \(list), not `\($0.kind.rawValue)`" })
  }
}
