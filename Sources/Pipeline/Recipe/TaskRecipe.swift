import Bytes
import Evaluation
import Numerics
import RecipeFields

/// A task that a build measures: of the full and of the compressed model, each without and with the
/// prompt.
package struct TaskRecipe: Sendable, Equatable {
  /// A file that the task's results depend on.
  package struct Source: Sendable, Equatable {
    /// The kind of its content: "rows", "labels", "fewshot", "fewshot labels"; empty for the task file itself.
    package let role: String
    package let path: String
  }

  /// The name that the task file gives.
  package var name = ""
  /// The path of the task file.
  package var path = ""
  /// The path of the rows, in place of the task file's.
  package var data: String?
  /// The most rows, from the start; nil for all.
  package var limit: Int?
  /// The precision of matrix products with the weights and in attention.
  package var arithmetic = Arithmetic.float32
  /// The task file and the files that it names.
  package var sources: [Source] = []

  /// The files with their roles in a recipe: "task piqa", "task piqa rows".
  package var texts: [(role: String, path: String)] {
    sources.map { (role(of: $0), $0.path) }
  }

  func role(of source: Source) -> String {
    "task \(name)" + (source.role.isEmpty ? "" : " " + source.role)
  }
}

/// The table of the section `tasks`.
extension TaskRecipe {
  static let fields: [RecipeField<TaskRecipe>] = [
    .file("task", \.path, "a task file (Recipes/tasks/README.md)"),
    RecipeField(
      "data",
      descriptions: { _ in
        [
          FieldDescription(
            "data", type: "path", default: "the task file's",
            "the file of rows, in place of the one that the task file names")
        ]
      },
      read: { source, recipe in
        guard source.has("data") else { return false }
        recipe.data = source.file("data")
        return recipe.data != nil
      }),
    .integer(
      "limit", \.limit, 1...1_000_000_000, absent: "all", null: true,
      "the maximum number of rows, from the start of the file"),
    .choice(
      "arithmetic", \.arithmetic, recorded: { $0.available },
      "the precision of matrix products with the weights and in attention; float32 if the processor has no bfloat16 products"
    ),
  ]

  var json: JSON {
    var object = Self.fields.json(of: self)
    object["name"] = .string(name)
    return .object(object)
  }

  /// Reads one section of the list, and the task file that it names.
  init(_ source: any FieldSource) {
    source.read(Self.fields, into: &self)
    defer { source.finish() }
    guard !path.isEmpty else { return }
    sources = [Source(role: "", path: path)]
    name = PathNames.stem(path)
    do throws(Failure) {
      let task = try TaskDescription(path: path, data: data)
      name = task.name
      sources += [Source(role: "rows", path: task.rows.path)]
      sources += task.rows.labelsPath.map { [Source(role: "labels", path: $0)] } ?? []
      guard task.fewshot > 0, let shots = task.fewshotRows else { return }
      sources += [Source(role: "fewshot", path: shots.path)]
      sources += shots.labelsPath.map { [Source(role: "fewshot labels", path: $0)] } ?? []
    } catch {
      // A missing file of rows is among the files that may be missing when a build is only planned.
      if let section = source as? RecipeSection {
        section.note("task", error.description, kind: error.kind)
      } else {
        source.note("task", error.description)
      }
    }
  }

  /// The task file's content, which was checked when the recipe was read.
  func description() throws(Failure) -> TaskDescription {
    try TaskDescription(path: path, data: data)
  }
}
