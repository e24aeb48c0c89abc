import BundleFormat
import Bytes
import Compression
import Numerics
import RecipeFields

/// The tables of the smaller sections.
extension CalibrationRecipe {
  static let fields: [RecipeField<CalibrationRecipe>] = [
    .file("text", \.text, "plain text, or lines of JSON with a `text` each"),
    .integer("windows", \.windows, 1...1_000_000, "windows of the text that are looked at"),
    .integer("length", \.length, 2...1_048_576, "tokens per window"),
    .choice(
      "selection", \.selection,
      "windows at random places (as GPTQ's authors do), or one after the other from the start"),
    .integer(
      "seed", \.seed, 0...Int.max, default: .inherited("the recipe's `seed`"),
      "the seed of random places"),
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

extension CompressionRecipe {
  static let fields: [RecipeField<CompressionRecipe>] =
    CompressionSettings.fields.lifted(\.settings) + [
      // Measured on SmolLM2 at 3 and 4 bits: perplexities as with float32, sooner. Wanda is a baseline,
      // computed as its authors do.
      .choice(
        "arithmetic", \.arithmetic,
        default: .derived("`bfloat16`, but `float32` for `wanda`") {
          $0.settings.linear.method == .wanda ? .float32 : .bfloat16
        }, recorded: { $0.available },
        "the numbers of the products that carry the calibration text through the blocks; float32 where the processor has no bfloat16 products"
      ),
      .number(
        "target_bits_per_weight", \.targetBits, 1...16, absent: "none",
        "bits per weight of the compressed layers, scales and zero points included, within which bits and sparsity are chosen per layer; without it all layers get the same"
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
          default: "none", "kinds of numerical events that end the build")
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

  /// The name of a kind of event as recipes spell it: `damping_raised`.
  @Sendable private static func spelling(_ kind: String) -> String {
    kind.replacing("-", with: "_")
  }
}

extension EvaluationRecipe {
  static let fields: [RecipeField<EvaluationRecipe>] = [
    .text(
      "name", \.name,
      default: .derived("the text's name without its ending") { PathNames.stem($0.text) },
      "names the evaluation in reports and in `gate`"),
    .file("text", \.text, "plain text, or lines of JSON with a `text` each"),
    .text("protocol", \.protocolID, "how perplexity is taken: `ctp-N` has windows of N tokens"),
    .integer(
      "seqlen", \.length, 2...1_048_576, absent: "the protocol's", null: true,
      "tokens per window"),
    .integer(
      "windows", \.windows, 1...1_000_000_000, absent: "all", null: true,
      "at most so many windows, from the text's start"),
    .choice(
      "arithmetic", \.arithmetic, recorded: { $0.available },
      "the numbers of the products with the weights and of attention's; float32 where the processor has no bfloat16 products"
    ),
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

extension PackagingRecipe {
  static let fields: [RecipeField<PackagingRecipe>] = [
    .choice(
      "storage", \.storage,
      "tensors mapped as the kernels read them, or entropy coded: a smaller file, decoded into memory"
    )
  ]

  var json: JSON { .object(Self.fields.json(of: self)) }
}

extension GateRecipe {
  init(_ source: any FieldSource, evaluations: [String], hasPrompt: Bool) {
    all = Limits(source, hasPrompt: hasPrompt)
    named = [:]
    for name in evaluations where source.has(name) {
      let section = source.section(name)
      named[name] = Limits(section, hasPrompt: hasPrompt)
      section.finish()
    }
    if evaluations.isEmpty, let first = source.names.first {
      source.note(first, "there is no evaluation that could meet it")
    }
    for name in evaluations { source.expect(name) }
    source.finish()
  }
}

extension GateRecipe.Limits {
  static let fields: [RecipeField<GateRecipe.Limits>] = [
    .number(
      "max_ppl", \.maxPerplexity, 1...Double.greatestFiniteMagnitude, absent: "none",
      "the artifact's perplexity at most: compressed, with its prompt if it has one"),
    .number(
      "max_ratio_to_full", \.maxRatioToFull, 0...Double.greatestFiniteMagnitude, absent: "none",
      "that perplexity over the full model's, at most"),
    .number(
      "min_gap_closed", \.minGapClosed,
      -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude, absent: "none",
      "the share of the gap between the full model's perplexity f and the compressed one's c that the prompt's p closes, at least: (c − p) / (c − f)"
    ),
  ]

  fileprivate init(_ source: any FieldSource, hasPrompt: Bool) {
    self.init()
    source.read(Self.fields, into: &self)
    if minGapClosed != nil, !hasPrompt {
      source.note("min_gap_closed", "needs a prompt: it is the prompt that closes the gap")
    }
  }

  var json: JSON { .object(Self.fields.json(of: self)) }
}
