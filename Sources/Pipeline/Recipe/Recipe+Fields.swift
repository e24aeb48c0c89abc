import Bytes
import RecipeFields

/// The table of the recipe's fields and sections, in the order in which they are read.
extension Recipe {
  package static let fields: [RecipeField<Recipe>] = [
    .text(
      "name", \.name, range: PlainName.letters,
      default: .derived("the file's name without its extension") { PathNames.stem($0.path) },
      "the artifact's name; a variant's name is appended"),
    .integer("seed", \.seed, 0...Int.max, "the seed of all random choices"),
    modelField,
    .section(
      "calibration", \.calibration, of: CalibrationRecipe.fields,
      default: FieldDescription.required, prepare: { $1.seed = $0.seed },
      "the calibration text, on which compression gathers its statistics"),
    .section(
      "compression", \.compression, of: CompressionRecipe.fields, default: "4 bits by GPTQ",
      "the method and settings of weight compression"),
    promptField, evaluationField, tasksField, gateField,
    .section(
      "package", \.packaging, of: PackagingRecipe.fields, default: "`mapped`",
      "the storage of the artifact"),
    RecipeField(
      "output",
      descriptions: { _ in
        [
          FieldDescription(
            "output", type: "path", default: "`NAME.ctpack` in the current folder",
            "the path of the artifact, unless given on the command line")
        ]
      },
      read: { source, recipe in
        recipe.output = source.path("output")
        return recipe.output != nil
      }),
    RecipeField(
      "memory",
      descriptions: { _ in
        [
          FieldDescription(
            "memory", type: "bytes", range: "such as `512 MiB` or `1.5 GiB`",
            default: "half of the machine's memory",
            "the memory that a build may use, unless given on the command line; doesn't affect results"
          )
        ]
      },
      read: { source, recipe in
        guard let bytes = source.byteCount("memory") else { return false }
        recipe.memory = bytes
        return true
      }),
  ]

  private static let modelFields: [RecipeField<Recipe>] = [
    RecipeField(
      "shape",
      descriptions: { _ in
        [
          FieldDescription(
            "shape", type: "path", default: "none",
            "a `config.json` with which a build can be explained without the checkpoint"
          )
        ]
      },
      read: { source, recipe in
        recipe.shape = source.file("shape")
        // An unresolvable path is a problem by itself and doesn't allow planning.
        if source.has("shape") { source.allowMissingFiles() }
        return recipe.shape != nil
      }),
    .file("path", \.model, "a Hugging Face folder or a GGUF file"),
    .text(
      "name", \.modelName,
      default: .derived("the path's last component without its extension") {
        PathNames.stem($0.model)
      },
      "the model's name in provenance"),
  ]

  private static let modelField = RecipeField<Recipe>(
    "model",
    descriptions: { recipe in
      [
        FieldDescription(
          "model", type: "path or section", default: FieldDescription.required,
          "the uncompressed model: a Hugging Face folder (safetensors or PyTorch's .bin) or a GGUF file; the path alone, or a section",
          fields: modelFields.descriptions(of: recipe))
      ]
    },
    read: { source, recipe in
      if source.isSection("model") {
        let own = source.section("model")
        own.read(modelFields, into: &recipe)
        own.finish()
        return true
      }
      if !source.has("model") { source.note("model", "is missing: it needs the path of a file") }
      recipe.model = source.file("model") ?? ""
      recipe.modelName = PathNames.stem(recipe.model)
      return true
    })

  private static let promptField = RecipeField<Recipe>(
    "prompt",
    descriptions: { _ in
      [
        FieldDescription(
          "prompt", type: "section", default: "none",
          "the adapter that repairs the compressed model: a soft prompt, a hard prompt, a prefix or LoRA",
          fields: PromptRecipe.fields.descriptions(of: PromptRecipe()))
      ]
    },
    read: { source, recipe in
      guard source.has("prompt") else { return false }
      var prompt = PromptRecipe()
      prompt.text = recipe.calibration.text
      prompt.settings.seed = UInt64(recipe.seed)
      prompt.read(source.section("prompt"))
      recipe.prompt = prompt
      return true
    })

  private static let evaluationField = RecipeField<Recipe>(
    "evaluation",
    descriptions: { _ in
      [
        FieldDescription(
          "evaluation", type: "list of sections", default: "none",
          "the texts on which perplexity is measured, for the full and the compressed model, each with and without the prompt",
          fields: EvaluationRecipe.fields.descriptions(of: EvaluationRecipe()))
      ]
    },
    read: { source, recipe in
      recipe.evaluations = source.sections("evaluation").map { own in
        var evaluation = EvaluationRecipe()
        own.read(EvaluationRecipe.fields, into: &evaluation)
        own.finish()
        return evaluation
      }
      for one in recipe.evaluations {
        guard let character = PlainName.invisible(in: one.name) else { continue }
        source.note(
          "evaluation",
          "the name of `\(one.text)` holds \(character), which can't be seen: give it another `name`"
        )
      }
      for (index, one) in recipe.evaluations.enumerated()
      where recipe.evaluations[..<index].contains(where: { $0.name == one.name }) {
        source.note(
          "evaluation",
          "two evaluations are called `\(one.name)`: give one of them a different `name`")
      }
      return true
    })

  private static let tasksField = RecipeField<Recipe>(
    "tasks",
    descriptions: { _ in
      [
        FieldDescription(
          "tasks", type: "list of sections", default: "none",
          "the tasks whose rows are answered, by the full and the compressed model, each with and without the prompt",
          fields: TaskRecipe.fields.descriptions(of: TaskRecipe()))
      ]
    },
    read: { source, recipe in
      recipe.tasks = source.sections("tasks").map { TaskRecipe($0) }
      for (index, one) in recipe.tasks.enumerated()
      where recipe.tasks[..<index].contains(where: { $0.name == one.name }) {
        source.note(
          "tasks",
          "two tasks are called `\(one.name)`: give one of them a different name in its file")
      }
      return true
    })

  private static let gateField = RecipeField<Recipe>(
    "gate",
    descriptions: { _ in
      [
        FieldDescription(
          "gate", type: "section", default: "no limits",
          "limits that the numbers of every evaluation must meet before anything is packaged; a section named after an evaluation sets limits for that one; a section `tasks` has a section for each task's limits",
          fields: GateRecipe.fieldDescriptions)
      ]
    },
    read: { source, recipe in
      recipe.gate = GateRecipe(
        source.section("gate"), evaluations: recipe.evaluations, tasks: recipe.tasks.map(\.name),
        hasPrompt: recipe.prompt != nil)
      return true
    })
}
