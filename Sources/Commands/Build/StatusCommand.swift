import ArgumentParser
import Builds
import Bytes
import FoundationEssentials
import Pipeline

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show where a build stands.")

  @Argument(help: "A recipe, or the work folder of a build.") var recipeOrFolder: String
  @Option(
    help: ArgumentHelp("The recipe's work folder, as given to `run`.", valueName: "dir"))
  var work: String?
  @Option(help: "Which of the recipe's variants, whose work folder is looked into.")
  var variant: String?
  @Flag(help: "The result as JSON.") var json = false

  func validate() throws {
    if work != nil, let variant {
      throw ValidationError(
        """
        with --work, --variant says nothing: a work folder shows what was built in it last; \
        `ctpack run \(recipeOrFolder) --variant \(variant) --work … --explain` shows what it holds for a variant
        """)
    }
  }

  func run() throws {
    let status = try StoreStatus(folder: try folder(), order: BuildPlan.stageOrder)
    if json { return try Output.print(status.json) }
    var rows: [[String]] = []
    for stage in status.stages {
      let size = stage.outputs.reduce(0) { $0 + $1.bytes }
      rows.append([
        stage.name, stage.state + (stage.at.map { " (\($0))" } ?? ""), String(stage.key.prefix(12)),
        stage.outputs.isEmpty ? "" : Figure.bytes(size),
        stage.seconds.map { Figure.time($0) } ?? "",
      ])
    }
    try Output.print(Output.table(rows, indent: "", right: [3, 4]))
    if let holder = status.holder { try Output.print("running now: \(holder)") }
  }

  private func folder() throws -> String {
    if let work { return work }
    let isFolder = FileManager.default.fileExists(atPath: recipeOrFolder + "/.")
    if isFolder { return recipeOrFolder }
    return try Recipe(path: recipeOrFolder, variant: variant, planning: true).name + ".work"
  }
}
