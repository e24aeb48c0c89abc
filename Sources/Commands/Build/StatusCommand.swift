import ArgumentParser
import Builds
import Bytes
import Pipeline

/// The command `ctpack status`.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the stages of a build: which are done, their size and time.")

  @Argument(help: "A recipe, or the work folder of a build.") var recipeOrFolder: String
  @Option(
    help: ArgumentHelp("The recipe's work folder, as given to `ctpack run`.", valueName: "dir"))
  var work: String?
  @Option(help: "The recipe's variant whose work folder is shown.")
  var variant: String?
  @Flag(help: "Print the result as JSON.") var json = false

  func validate() throws {
    if work != nil, let variant {
      throw ValidationError(
        """
        --variant has no effect with --work: a work folder shows its latest build; \
        `ctpack run \(recipeOrFolder) --variant \(variant) --work … --explain` shows what it holds for a variant
        """)
    }
  }

  func run() throws {
    let status = try StoreStatus(
      folder: WorkFolder.path(recipeOrFolder, work: work, variant: variant),
      order: BuildPlan.stageOrder)
    if json { return try Output.print(status.json) }
    var rows = [["stage", "state", "key", "size", "time"]]
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
}
