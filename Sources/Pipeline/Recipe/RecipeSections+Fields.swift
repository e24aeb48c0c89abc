import BundleFormat
import Bytes
import Compression
import Numerics
import RecipeFields

/// The table of the section `calibration`.
extension CalibrationRecipe {
  static let fields: [RecipeField<CalibrationRecipe>] = [
    .file("text", \.text, "plain text, or JSON lines with a field `text`"),
    .integer("windows", \.windows, 1...1_000_000, "the number of calibration windows"),
    .integer("length", \.length, 2...1_048_576, "the number of tokens per window"),
    .choice(
      "selection", \.selection,
      "the positions of the windows: random (as in GPTQ's reference implementation), or consecutive from the start of the text"
    ),
    .integer(
      "seed", \.seed, 0...Int.max, default: .inherited("the recipe's `seed`"),
      "the seed of random positions"),
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

/// The table of the section `compression`.
extension CompressionRecipe {
  static let fields: [RecipeField<CompressionRecipe>] =
    CompressionSettings.fields.lifted(\.settings) + [
      // Measured on SmolLM2 at 3 and 4 bits: the same perplexities as with float32, in less time.
      // Wanda is a baseline, computed in its authors' precision.
      .choice(
        "arithmetic", \.arithmetic,
        default: .derived("`bfloat16`, but `float32` for `wanda`") {
          $0.settings.linear.method == .wanda ? .float32 : .bfloat16
        }, recorded: { $0.available },
        "the precision of matrix products in the calibration's forward passes; float32 if the processor has no bfloat16 products"
      ),
      .number(
        "target_bits_per_weight", \.targetBits, 1...16, absent: "none",
        "the budget in bits per weight of the compressed layers, scales and zero points included, within which bits and sparsity are chosen per layer; without it, all layers get the same settings"
      ),
      failOnField,
    ]

  var json: JSON { .object(Self.fields.json(of: self)) }

  private static let failOnField = RecipeField<CompressionRecipe>(
    "fail_on",
    descriptions: { _ in
      [
        FieldDescription(
          "fail_on", type: "list of names",
          range: FieldText.list(EventRecord.compressionKinds.map(spelling)),
          default: "none", "kinds of numerical events that make the build fail")
      ]
    },
    read: { source, recipe in
      recipe.failOn = source.list("fail_on").compactMap { text in
        let kind = text.replacing("_", with: "-")
        if EventRecord.compressionKinds.contains(kind) { return kind }
        let known = EventRecord.compressionKinds.map(spelling).joined(separator: ", ")
        source.note("fail_on", "expected some of \(known), found `\(text.isEmpty ? "?" : text)`")
        return nil
      }
      return true
    },
    write: { recipe, object in
      if !recipe.failOn.isEmpty { object["fail_on"] = JSON(recipe.failOn) }
    })

  /// Returns the spelling of an event kind in recipes: `damping_raised`.
  @Sendable private static func spelling(_ kind: String) -> String {
    kind.replacing("-", with: "_")
  }
}

/// The table of the section `evaluation`.
extension EvaluationRecipe {
  static let fields: [RecipeField<EvaluationRecipe>] = [
    .text(
      "name", \.name,
      default: .derived("the text's name without its extension") { PathNames.stem($0.text) },
      "the evaluation's name in reports and in `gate`"),
    .file("text", \.text, "plain text, or JSON lines with a field `text`"),
    .text(
      "protocol", \.protocolID,
      "the perplexity protocol: `ctp-N`, `gptq-N` or `llamacpp-N`, with windows of N tokens"),
    .integer(
      "seqlen", \.length, 2...1_048_576, absent: "the protocol's", null: true,
      "the number of tokens per window"),
    .integer(
      "windows", \.windows, 1...1_000_000_000, absent: "all", null: true,
      "the maximum number of windows, from the start of the text"),
    .choice(
      "arithmetic", \.arithmetic, recorded: { $0.available },
      "the precision of matrix products with the weights and in attention; float32 if the processor has no bfloat16 products"
    ),
    .flag(
      "divergence", \.divergence, record: .when { $0.divergence },
      "whether the divergence from the full model is measured too: KL, Δp, same top token (as llama.cpp's `--kl-divergence`)"
    ),
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

/// The table of the section `package`.
extension PackagingRecipe {
  static let fields: [RecipeField<PackagingRecipe>] = [
    .choice(
      "storage", \.storage,
      "`mapped`: tensors in the kernels' layout, mapped from the file; `coded`: entropy-coded tensors, a smaller file that is decoded into memory"
    )
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

extension GateRecipe {
  /// Reads the section `gate`, with its sections named after evaluations.
  init(
    _ source: any FieldSource, evaluations recipes: [EvaluationRecipe], tasks names: [String],
    hasPrompt: Bool
  ) {
    let evaluations = recipes.map(\.name)
    all = Limits(source, hasPrompt: hasPrompt)
    named = [:]
    var sections: [String: any FieldSource] = [:]
    for name in evaluations where source.has(name) {
      let section = source.section(name)
      named[name] = Limits(section, hasPrompt: hasPrompt)
      section.finish()
      sections[name] = section
    }
    func note(_ section: String?, _ field: String, _ finding: String) {
      (section.flatMap { sections[$0] } ?? source).note(field, finding)
    }
    checkDivergences(of: evaluations, note) { name in
      recipes.contains { $0.name == name && $0.divergence }
    }
    checkMargins(note)
    readTasks(source, known: names)
    if evaluations.isEmpty, let first = source.names.first(where: { $0 != TaskLimits.section }) {
      source.note(first, "there is no evaluation to apply it to: add one to `evaluation`")
    }
    for name in evaluations { source.expect(name) }
    source.finish()
  }
}

extension GateRecipe {
  /// The rows of the reference: the limits of evaluations, and those of one task.
  static let fieldDescriptions: [FieldDescription] =
    Limits.fields.descriptions(of: .none) + [
      FieldDescription(
        TaskLimits.section + ".TASK", type: "section", default: "no limits",
        "limits of the task of this name",
        fields: TaskLimits.fields.descriptions(of: TaskLimits()))
    ]

  /// Reads the section `tasks`, which has a section for each task.
  ///
  /// - Parameter known: the names of the tasks that are measured; nil if they aren't known yet.
  fileprivate mutating func readTasks(_ source: any FieldSource, known: [String]?) {
    source.expect(TaskLimits.section)
    guard source.has(TaskLimits.section) else { return }
    let section = source.section(TaskLimits.section)
    for name in known ?? section.names where section.has(name) {
      section.expect(name)
      tasks[name] = TaskLimits(section.section(name))
    }
    section.finish()
  }

  /// Reads the section `gate` of a verification policy. The evaluations aren't known yet: each
  /// section within names one.
  init(policy source: any FieldSource) {
    let limits = Set(Limits.fields.map(\.name))
    readTasks(source, known: nil)
    var sections: [String: any FieldSource] = [:]
    for name in source.names where !limits.contains(name) && name != TaskLimits.section {
      guard source.isSection(name) else {
        source.note(
          name, "is neither a limit (\(limits.sorted().joined(separator: ", "))) nor a section")
        continue
      }
      let section = source.section(name)
      named[name] = Limits(section, hasPrompt: true)
      section.finish()
      sections[name] = section
    }
    all = Limits(source, hasPrompt: true)
    checkMargins { section, field, finding in
      (section.flatMap { sections[$0] } ?? source).note(field, finding)
    }
    source.finish()
  }

  /// Whether there is no limit at all.
  var isEmpty: Bool {
    all.isEmpty && named.values.allSatisfy(\.isEmpty) && tasks.values.allSatisfy(\.isEmpty)
  }
}

/// The table of limits in the section `gate`.
extension GateRecipe.Limits {
  static let fields = perplexityFields + divergenceFields

  private static let perplexityFields: [RecipeField<GateRecipe.Limits>] = [
    .number(
      "max_ppl", \.maxPerplexity, 1...Double.greatestFiniteMagnitude, absent: "none",
      "the highest perplexity of the artifact: compressed, with its prompt if it has one"),
    .number(
      "max_ratio_to_full", \.maxRatioToFull, 0...Double.greatestFiniteMagnitude, absent: "none",
      "the highest ratio of the artifact's perplexity to the full model's"),
    .number(
      "min_gap_closed", \.minGapClosed,
      -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude, absent: "none",
      "the least share of the gap between the full model's perplexity f and the compressed model's c that the prompt's p closes: (c − p) / (c − f)"
    ),
  ]

  private static let divergenceFields: [RecipeField<GateRecipe.Limits>] =
    DivergenceLimit.allCases.map { limit in
      .number(limit.rawValue, \.[limit], limit.range, absent: "none", limit.meaning)
    } + [
      .number(
        "margin_se", \.marginErrors, 0...1000, absent: "none",
        "the number of standard errors by which every limit but `min_gap_closed` must be met: a highest value plus so many of its errors, a lowest less so many"
      )
    ]

  fileprivate init(_ source: any FieldSource, hasPrompt: Bool) {
    self.init()
    source.read(Self.fields, into: &self)
    if minGapClosed != nil, !hasPrompt {
      source.note("min_gap_closed", "needs a prompt, which is what closes the gap")
    }
  }

  var json: JSON { .object(Self.fields.json(of: self)) }
}
