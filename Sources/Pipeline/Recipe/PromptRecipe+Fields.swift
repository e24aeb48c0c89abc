import BundleFormat
import Bytes
import Prompts
import RecipeFields

/// The section `prompt` as a table: the learner's settings, and what only a recipe knows.
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
        "hard_text", \.hardText, if: .kinds(.hard), missing: "a hard prompt is a given text",
        "the text that the prompt is"),
      .file(
        "text", \.text, default: .inherited("the calibration's `text`"), if: .learned,
        "the text to learn from: plain, or lines of JSON with a `text` each; never the one it is judged by"
      ),
      .choice(
        "arithmetic", \.arithmetic, record: .when { $0.kind != .hard },
        recorded: { $0.available },
        "the numbers of the products with the weights, forwards and backwards; float32 where the processor has no bfloat16 products"
      ),
    ] + PromptSettings.updates.lifted(\.settings) + [
      .section(
        "validation",
        [.file("text", \.validationText, "a text that is neither learned from nor judged by")]
          + PromptSettings.measurements.lifted(\.settings), if: .learned,
        missing: "the best prompt is chosen on text of its own",
        "the measurements by which the best prompt is chosen")
    ] + PromptSettings.parameters.lifted(\.settings) + [
      startTextField,
      .text(
        "sink", \.sink, if: .kinds(.soft),
        "a token whose embedding is the prompt's first row and is never changed, such as `<s>`; counts as one of `tokens`"
      ),
      startFromField,
      .flag(
        "key_values", \.keyValues, default: .derived("`true`") { _ in true },
        if: .kinds(.soft, .hard), record: .never,
        "the artifact holds the prompt's keys and values in every block, so that using it costs no time before the first token"
      ),
    ]

  /// Everything but the files' places and what only packaging asks: part of a stage's key.
  package var json: JSON { .object(Self.fields.json(of: self)) }

  /// Reads and checks the section.
  mutating func read(_ source: any FieldSource) {
    source.read(Self.fields, into: &self)
    if let fault = PromptName.fault(name) { source.note("name", fault) }
    source.check(PromptSettings.rules, of: settings)
    if settings.initialisation == .given, startText == nil {
      source.note("init", "a given start is written as `init_text: …`")
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
          "the text whose tokens' embeddings learning starts from, repeated where they are too few; instead of `init`"
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
    .file("bundle", \.bundle, "the bundle that holds it"),
    .text("prompt", \.prompt, absent: "the only one", "its name there"),
  ]

  private static let startFromField = RecipeField<PromptRecipe>(
    "init_from", if: .learned,
    descriptions: { _ in
      [
        FieldDescription(
          "init_from", type: "section", default: "none", if: PromptCondition.learned.words,
          "a prompt in a bundle that learning starts from, of the same kind and size, or a soft prompt for a prefix; instead of `init`",
          fields: placeFields.descriptions(of: PromptPlace(bundle: "")))
      ]
    },
    read: { source, prompt in
      let given = ["init", "init_text", "init_from"].filter(source.has)
      if given.count > 1 {
        source.note(given[1], "and `\(given[0])` both say what the prompt starts from")
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
      object["init_from"] = place.prompt.map { .string($0) } ?? "the only prompt"
    })
}

private typealias PromptCondition = FieldCondition<PromptRecipe>

extension FieldCondition where Section == PromptRecipe {
  /// Fields of adapters of one kind, or of two.
  static func kinds(_ kind: AdapterKind, _ other: AdapterKind? = nil) -> Self {
    let own: FieldCondition<PromptSettings> =
      other.map { .kinds(kind, $0) } ?? .kinds(kind)
    return own.lifted(\.settings)
  }

  /// Fields of everything that is learned.
  static var learned: Self { FieldCondition<PromptSettings>.learned.lifted(\.settings) }
}
