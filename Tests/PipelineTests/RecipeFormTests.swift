import Bytes
import Foundation
import Pipeline
import Prompts
import TestSupport
import Testing

/// The canonical forms of recipes, compared byte by byte, because stage keys and artifacts depend
/// on them.
///
/// `CTPACK_UPDATE_EXPECTED=1` rewrites the files in Golden. A difference there means that finished
/// stages run again and that artifacts change.
@Suite struct RecipeFormTests {
  private static let golden = RealModel.packageRoot + "/Tests/PipelineTests/Golden"
  private static let updates =
    ProcessInfo.processInfo.environment["CTPACK_UPDATE_EXPECTED"] == "1"

  /// All files named by the recipes in Recipes. They are created empty, because reading a recipe
  /// only checks that they exist.
  private static let files = [
    ".build/real-model/model.gguf", "Recipes/data/c4-train.jsonl", "Recipes/data/c4-dev.jsonl",
    "Recipes/data/c4-validation.jsonl", "Recipes/data/wikitext-2-test.raw", "c4/c4-train.jsonl",
    "c4/c4-dev.jsonl", "c4/c4-validation.jsonl", "wikitext-2/wiki.test.raw",
    "texts/c4-validation.txt", "texts/ptb-test.txt", "texts/ptb-train.txt", "texts/ptb-valid.txt",
    "texts/wikitext-2-test.txt", "texts/wikitext-2-train.raw", "texts/wikitext-2-valid.raw",
    "models/llama-7b/config.json", "models/opt-1.3b/config.json", "models/opt-2.7b/config.json",
    "models/opt-6.7b/config.json", "Recipes/seeds/shapes/llama-7b.json",
    "Recipes/seeds/shapes/opt-1.3b.json", "Recipes/seeds/shapes/opt-2.7b.json",
    "Recipes/seeds/shapes/opt-6.7b.json", "train.txt", "dev.txt", "test.raw", "model/config.json",
    "other.ctpack", "Recipes/studies/README.md",
  ]

  private let folder: TemporaryFolder
  private var environment: [String: String] {
    [
      "C4": folder.file("c4"), "WIKITEXT": folder.file("wikitext-2"),
      "TEXTS": folder.file("texts"), "CHECKPOINTS": folder.file("models"),
    ]
  }

  init() throws {
    folder = try TemporaryFolder()
    for file in Self.files { try folder.write(file, "") }
  }

  /// The SHA-256 of the form of each shipped recipe and variant.
  @Test func shippedRecipesKeepTheirForm() throws {
    var found: [(String, String)] = []
    for name in [
      "adapters", "quickstart-short", "quickstart", "smollm2-3bit-c4", "seeds/llama-7b",
      "seeds/opt-1.3b", "seeds/opt-2.7b", "seeds/opt-6.7b", "studies/smollm2-prompts",
    ] {
      let path = RealModel.packageRoot + "/Recipes/\(name).yaml"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let variants: [String?] = try Recipe.variants(path: path)
      for variant in variants.isEmpty ? [nil] : variants {
        let recipe = try Recipe(
          yaml: text, path: folder.file("Recipes/\(name).yaml"), variant: variant,
          environment: environment)
        found.append(
          (
            variant.map { "\(name) \($0)" } ?? name,
            SHA256Digest(hashing: Array(form(recipe).prettyText.utf8)).hex
          ))
      }
    }
    let text = found.map { "\($0.1)  \($0.0)\n" }.joined()
    try compare(text, with: "shipped-recipes.txt")
  }

  /// The forms of recipes that together use every field.
  @Test func everyFieldKeepsItsForm() throws {
    var found = JSONObject()
    for (name, yaml) in Self.recipes {
      let recipe = try Recipe(
        yaml: "model: model\ncalibration: {text: train.txt}\n" + yaml,
        path: folder.file("\(name).yaml"), environment: environment)
      found[name] = form(recipe)
    }
    try compare(JSON.object(found).prettyText + "\n", with: "recipe-forms.json")
  }

  /// The forms of prompt recipes read from `prompt learn --set` options.
  @Test func optionsKeepTheirForm() throws {
    var found = JSONObject()
    for fields in Self.options {
      let options = fields.split(separator: ";").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
        let value = parts[1].replacing("@", with: folder.path + "/")
        return (field: parts[0], value: value)
      }
      found[fields] = form(try PromptRecipe(options: options))
    }
    try compare(JSON.object(found).prettyText + "\n", with: "option-forms.json")
  }

  /// The problems reported for recipes with many mistakes.
  @Test func problemsKeepTheirWords() throws {
    var found = ""
    for (name, yaml) in Self.mistakes {
      let failure = #expect(throws: Failure.self) {
        try Recipe(yaml: yaml, path: folder.file("r.yaml"), environment: environment)
      }
      let place = failure?.place.map { $0 + ": " } ?? ""
      found +=
        "\(name): \(failure.map { "\($0.kind)" } ?? "")\n"
        + "\(place)\(failure?.finding ?? "")"
        + (failure?.list ?? []).map { "\n  " + $0 }.joined() + "\n\n"
    }
    for option in Self.wrongOptions {
      let failure = #expect(throws: Failure.self) {
        try PromptRecipe(options: [
          ("name", "a"), ("text", folder.file("train.txt")),
          ("validation.text", folder.file("dev.txt")), option,
        ])
      }
      found +=
        "\(option.field)=\(option.value): \(failure.map { "\($0.kind)" } ?? "")\n"
        + "\(failure?.place ?? ""): \(failure?.finding ?? "")\n\n"
    }
    try compare(found.replacing(folder.path, with: "@"), with: "recipe-problems.txt")
  }

  /// Compares `text` with a golden file, or rewrites the file if updates are enabled.
  private func compare(_ text: String, with name: String) throws {
    let path = Self.golden + "/" + name
    if Self.updates {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return
    }
    let expected = try String(contentsOfFile: path, encoding: .utf8)
    guard text != expected else { return }
    let (old, new) = (
      expected.split(separator: "\n", omittingEmptySubsequences: false),
      text.split(separator: "\n", omittingEmptySubsequences: false)
    )
    let line = zip(old, new).prefix { $0 == $1 }.count
    func around(_ lines: [Substring]) -> String {
      lines[max(0, line - 2)..<min(lines.count, line + 3)].joined(separator: "\n")
    }
    Issue.record(
      "\(name) differs from line \(line + 1) on:\n\(around(old))\n\nfound:\n\(around(new))")
  }

  /// Returns the canonical recipe, and settings that affect results but aren't in it. On a
  /// processor without bfloat16 products the canonical recipe has float32, so the requested
  /// arithmetic is listed separately.
  private func form(_ recipe: Recipe) -> JSON {
    [
      "recipe": Self.portable(recipe.canonical(files: [:])),
      "arithmetic": .array(
        ([recipe.compression.arithmetic] + recipe.evaluations.map(\.arithmetic))
          .map { .string($0.rawValue) }),
      "texts": .array(recipe.texts.map { .string("\($0.role): \(lastName($0.path))") }),
      "prompt": recipe.prompt.map(form) ?? .null,
      "output": recipe.output.map { .string(lastName($0)) } ?? .null,
    ]
  }

  private func form(_ prompt: PromptRecipe) -> JSON {
    let s = prompt.settings
    return [
      "recipe": Self.portable(prompt.json), "arithmetic": .string(prompt.arithmetic.rawValue),
      "key_values": .bool(prompt.keyValues), "sink": prompt.sink.map { .string($0) } ?? .null,
      "texts": .array(prompt.texts.map { .string("\($0.role): \(lastName($0.path))") }),
      "start": prompt.startFrom.map {
        [.string(lastName($0.bundle)), $0.prompt.map { .string($0) } ?? .null]
      } ?? .null,
      "start_text": prompt.startText.map { .string($0) } ?? .null,
      "settings": [
        "tokens": JSON(s.tokens), "rank": JSON(s.rank), "alpha": .number(s.alpha),
        "targets": .array(s.targets.map { .string("\($0)") }), "steps": JSON(s.steps),
        "batch": JSON(s.batch), "accumulation": JSON(s.accumulation), "length": JSON(s.length),
        "learning_rate": .number(s.learningRate), "optimiser": .string(s.optimiser.rawValue),
        "teacher_share": .number(s.teacherShare), "teacher_top": JSON(s.teacherTop),
        "warmup": JSON(s.warmupSteps), "schedule": .string(s.schedule.rawValue),
        "weight_decay": .number(s.weightDecay), "clip_norm": .number(s.clipNorm),
        "start": .string(s.initialisation.rawValue), "every": JSON(s.validationEvery),
        "windows": JSON(s.validationWindows), "patience": JSON(s.patience),
        "seed": JSON(Int(s.seed)),
      ],
    ]
  }

  private func lastName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Returns `json` with bfloat16 replaced by float32, so that the form is the same on every
  /// processor.
  private static func portable(_ json: JSON) -> JSON {
    switch json {
    case .string("bfloat16"): "float32"
    case .array(let values): .array(values.map(portable))
    case .object(let object):
      .object(
        zip(object.keys, object.values).reduce(into: JSONObject()) {
          $0[$1.0] = portable($1.1)
        })
    default: json
    }
  }
}
