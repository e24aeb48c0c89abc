import BundleFormat
import Bytes
import Prompts
import RecipeFields

/// The table of the section `prompt`: the learner's settings, and fields that only recipes have.
extension PromptRecipe {
  package static let fields: [RecipeField<PromptRecipe>] =
    [
      .text(
        "name", \.name, range: PromptName.allowed, "the prompt's name in the artifact"),
      .choice(
        "kind", \.settings.kind,
        "`soft`: learned rows before the token embeddings; `hard`: a given text; `prefix`: learned keys and values in every block (arXiv 2101.00190); `lora`: low-rank updates of linear layers (arXiv 2106.09685)"
      ),
      .text(
        "hard_text", \.hardText, if: .kinds(.hard), missing: "it is the text of a hard prompt",
        "the text of the prompt"),
      .file(
        "text", \.text, default: .inherited("the calibration's `text`"), if: .learned,
        "the training text: plain text or JSON lines with a field `text`; separate from validation and evaluation texts"
      ),
      .choice(
        "arithmetic", \.arithmetic, record: .when { $0.kind != .hard },
        recorded: { $0.available },
        "the precision of matrix products with the weights, forward and backward; float32 if the processor has no bfloat16 products"
      ),
    ] + PromptSettings.updates.lifted(\.settings) + [
      .section(
        "validation",
        [
          .file(
            "text", \.validationText,
            "the validation text, separate from training and evaluation texts")
        ]
          + PromptSettings.measurements.lifted(\.settings), if: .learned,
        missing: "it names the text by which the best prompt is chosen",
        "the measurements by which the best prompt is chosen")
    ] + PromptSettings.parameters.lifted(\.settings) + [
      startTextField,
      .text(
        "sink", \.sink, if: .kinds(.soft),
        "a token, such as `<s>`, whose embedding is the prompt's first row and stays fixed; it is one of `tokens`"
      ),
      startFromField,
      .flag(
        "key_values", \.keyValues, default: .derived("`true`") { _ in true },
        if: .kinds(.soft, .hard), record: .never,
        "stores the prompt's keys and values of every block in the artifact, so that the prompt doesn't delay the first token"
      ),
    ]

  /// The canonical form, a part of stage keys: all fields except paths and those used only in
  /// packaging.
  package var json: JSON { .object(Self.fields.json(of: self)) }

  /// Reads and checks the section.
  mutating func read(_ source: any FieldSource) {
    source.read(Self.fields, into: &self)
    if let fault = PromptName.fault(name) { source.note("name", fault) }
    source.check(PromptSettings.rules, of: settings)
    if settings.initialisation == .given, startText == nil {
      source.note("init", "to start from a given text, use `init_text: …`")
    }
    source.finish()
  }

  private static let startTextField = RecipeField<PromptRecipe>(
    "init_text", if: .kinds(.soft, .prefix),
    descriptions: { _ in
      [
        FieldDescription(
          "init_text", type: "text", default: "none",
          if: PromptCondition.kinds(.soft, .prefix).words,
          "the text whose token embeddings are the starting rows, repeated if there are too few; instead of `init`"
        )
      ]
    },
    read: { source, prompt in
      guard let text = source.text("init_text") else { return false }
      prompt.startText = text
      prompt.settings.initialisation = .given
      return true
    },
    write: { prompt, object in object["init_text"] = prompt.startText.map { .string($0) } })

  private static let placeFields: [RecipeField<PromptPlace>] = [
    .file("bundle", \.bundle, "the bundle that contains the prompt"),
    .text("prompt", \.prompt, absent: "the only prompt", "the prompt's name in that bundle"),
  ]

  private static let startFromField = RecipeField<PromptRecipe>(
    "init_from", if: .learned,
    descriptions: { _ in
      [
        FieldDescription(
          "init_from", type: "section", default: "none", if: PromptCondition.learned.words,
          "a prompt in a bundle to start from: of the same kind and size, or a soft prompt to start a prefix; instead of `init`",
          fields: placeFields.descriptions(of: PromptPlace(bundle: "")))
      ]
    },
    read: { source, prompt in
      let given = ["init", "init_text", "init_from"].filter(source.has)
      if given.count > 1 {
        source.note(given[1], "conflicts with `\(given[0])`: give only one of them")
      }
      guard source.has("init_from") else { return false }
      var place = PromptPlace(bundle: "")
      let own = source.section("init_from")
      own.read(placeFields, into: &place)
      own.finish()
      prompt.startFrom = place
      return true
    },
    write: { prompt, object in
      guard let place = prompt.startFrom else { return }
      object["init"] = "prompt"
      object["init_from"] = .string(place.prompt ?? onlyPrompt)
    })

  /// The member `init_from` of the canonical form where no prompt is named.
  static let onlyPrompt = "the only prompt"
}

private typealias PromptCondition = FieldCondition<PromptRecipe>

extension FieldCondition where Section == PromptRecipe {
  /// A condition for fields of one or two kinds of adapter.
  static func kinds(_ kind: AdapterKind, _ other: AdapterKind? = nil) -> Self {
    let own: FieldCondition<PromptSettings> =
      other.map { .kinds(kind, $0) } ?? .kinds(kind)
    return own.lifted(\.settings)
  }

  /// A condition for fields of learned adapters.
  static var learned: Self { FieldCondition<PromptSettings>.learned.lifted(\.settings) }
}
