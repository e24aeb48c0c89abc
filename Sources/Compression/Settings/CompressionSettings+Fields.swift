import BundleFormat
import Bytes
import RecipeFields

/// The settings of a whole model as fields of a recipe's `compression`.
extension CompressionSettings {
  package static let fields: [RecipeField<CompressionSettings>] = [
    .choice(
      "embeddings", \.embeddings,
      "how the embedding matrix is stored; `source` as in the checkpoint, `q8` and `q4` as codes of 8 or 4 bits in groups of 64"
    ),
    linearFields,
    .choice(
      "output_head", \.outputHead, default: .derived("as `embeddings`") { $0.embeddings },
      "how the output head is stored, where it isn't the embedding matrix"),
    // A baseline is there to be compared with, so Wanda's statistics are taken as its authors do: those of
    // a whole block before any of its layers is pruned. Measured on SmolLM2 at 2:4, C4 perplexity 260
    // that way and in float32, 280 in bfloat16, 310 layer by layer.
    .flag(
      "true_sequential", \.trueSequential,
      default: .derived("`true`, but `false` for `wanda`") { $0.linear.method != .wanda },
      "a block's layers are calibrated one set after the other, on inputs that carry the earlier sets' errors"
    ),
    rulesField,
  ]

  /// Everything that decides the bytes, in one fixed form: part of a stage's key.
  package var canonical: JSON { .object(Self.fields.json(of: self)) }

  /// The fields of matrices, beside the others in a recipe.
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
          "other settings for the layers whose names fit; of several that fit, the last counts",
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
  /// - Parameter base: the settings of fields that are absent; nil for the defaults.
  init(from source: any FieldSource, over base: TensorSettings?) {
    var draft = Draft(over: base)
    source.read(Self.fields, into: &draft)
    self = draft.settings
    if compresses { source.check(Self.rules, of: self) }
  }
}

extension CompressionRule {
  /// The fields that a rule has beside those of a matrix.
  struct Head {
    var pattern = ""
    var leaves = false
  }

  static let fields: [RecipeField<Head>] = [
    .text(
      "match", \.pattern, range: "`*` for any characters",
      "the layers, by their checkpoint names: `*.down_proj`, `model.layers.0.*`"),
    .flag("leave", \.leaves, "the layers stay as they are in the checkpoint"),
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
      source.note("leave", "a matrix that is left as it is has no other settings")
    }
    source.finish()
    self.init(pattern: head.pattern, settings: head.leaves ? .untouched : settings)
  }
}
