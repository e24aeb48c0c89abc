import BundleFormat
import Bytes
import RecipeFields

/// The settings of a whole model as fields of a recipe's `compression`.
extension CompressionSettings {
  /// The fields of a model's settings, in recipe order.
  package static let fields: [RecipeField<CompressionSettings>] = [
    .choice(
      "embeddings", \.embeddings,
      "storage of the embedding matrix; `source` keeps the checkpoint's format, `q8` and `q4` are codes of 8 and 4 bits in groups of 64"
    ),
    linearFields,
    .choice(
      "output_head", \.outputHead, default: .derived("as `embeddings`") { $0.embeddings },
      "storage of the output head, if it isn't tied to the embedding matrix"),
    // Wanda is a baseline, so its statistics are gathered as its authors do: for a whole block
    // before any of its layers is pruned. C4 perplexity of SmolLM2 at 2:4: 260 that way in float32,
    // 280 in bfloat16, 310 layer by layer.
    .flag(
      "true_sequential", \.trueSequential,
      default: .derived("`true`, but `false` for `wanda`") { $0.linear.method != .wanda },
      "calibrate a block's layers one set after the other, on inputs that include the errors of earlier sets"
    ),
    rulesField,
  ]

  /// Canonical JSON of all settings that affect the stored bytes; part of a stage's key.
  package var canonical: JSON { .object(Self.fields.json(of: self)) }

  /// The fields of a matrix's settings, inlined into the section.
  private static let linearFields = RecipeField<CompressionSettings>(
    "linear", isInline: true,
    descriptions: { TensorSettings.fields.descriptions(of: TensorSettings.Draft($0.linear)) },
    read: { source, settings in
      settings.linear = TensorSettings(from: source, over: nil)
      if !settings.linear.compresses {
        source.note("bits", "without bits and without a sparsity nothing is compressed")
      }
      return true
    },
    write: { settings, object in object["linear"] = settings.linear.canonical })

  private static let rulesField = RecipeField<CompressionSettings>(
    "rules",
    descriptions: { _ in
      [
        FieldDescription(
          "rules", type: "list of sections", default: "none",
          "other settings for the layers whose names match; if several rules match, the last one applies",
          fields: CompressionRule.fields.descriptions(of: CompressionRule.Head()))
      ]
    },
    read: { source, settings in
      guard source.has("rules") else { return false }
      settings.rules = source.sections("rules").map {
        CompressionRule(from: $0, over: settings.linear)
      }
      return true
    },
    write: { settings, object in
      guard !settings.rules.isEmpty else { return }
      object["rules"] = .array(
        settings.rules.map { ["match": .string($0.pattern), "settings": $0.settings.canonical] })
    })
}

extension TensorSettings {
  /// The settings in a section of a recipe.
  ///
  /// - Parameter base: the values of absent fields; nil for the defaults.
  init(from source: any FieldSource, over base: TensorSettings?) {
    var draft = Draft(over: base)
    source.read(Self.fields, into: &draft)
    self = draft.settings
    if compresses { source.check(Self.rules, of: self) }
  }
}

extension CompressionRule {
  /// The fields of a rule that aren't settings of a matrix.
  struct Head {
    var pattern = ""
    var leaves = false
  }

  static let fields: [RecipeField<Head>] = [
    .text(
      "match", \.pattern, range: "`*` matches any characters",
      "the layers' names in the checkpoint: `*.down_proj`, `model.layers.0.*`"),
    .flag("leave", \.leaves, "leave the layers as they are in the checkpoint"),
    RecipeField(
      "…", isInline: true,
      descriptions: { _ in
        [
          FieldDescription(
            "…", type: "", default: "the recipe's own",
            TensorSettings.fields.map { "`\($0.name)`" }.joined(separator: ", ")
              + ": as in `compression`"
          )
        ]
      }, read: { _, _ in false }),
  ]

  init(from source: any FieldSource, over base: TensorSettings) {
    var head = Head()
    source.read(Self.fields, into: &head)
    if head.pattern.isEmpty {
      source.note("match", "a rule needs `match`, a pattern such as `*.down_proj`")
    }
    let settings = TensorSettings(from: source, over: base)
    if head.leaves, source.names.contains(where: { $0 != "match" && $0 != "leave" }) {
      source.note("leave", "`leave` excludes all other settings")
    }
    source.finish()
    self.init(pattern: head.pattern, settings: head.leaves ? .untouched : settings)
  }
}
