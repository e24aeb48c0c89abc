import ArgumentParser
import Builds
import Bytes
import FoundationEssentials
import Pipeline

/// The command `ctpack clean`.
struct CleanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean",
    abstract: "Remove what a work folder holds beyond the latest results.",
    discussion: """
      A work folder keeps the results of every recipe that was built in it, so that going back to \
      earlier settings costs nothing. This removes the results of settings that aren't a stage's \
      latest any more, saved state that nothing resumes from, and temporary files of killed runs. The \
      latest results stay: the next `ctpack run` reuses or resumes as before. A work folder in which \
      a build runs is left alone (status 75).
      """)

  @Argument(help: "A recipe, or the work folder of a build.") var recipeOrFolder: String
  @Option(
    help: ArgumentHelp("The recipe's work folder, as given to `ctpack run`.", valueName: "dir"))
  var work: String?
  @Option(help: "The recipe's variant whose work folder is cleaned.")
  var variant: String?
  @Flag(help: "Only show what would be removed.") var dryRun = false
  @Flag(help: "Print the result as JSON.") var json = false

  func validate() throws {
    if work != nil, variant != nil {
      throw ValidationError("--variant has no effect with --work")
    }
  }

  func run() throws {
    let folder = try WorkFolder.path(recipeOrFolder, work: work, variant: variant)
    let cleaning = try Store.existing(folder).clean(removes: !dryRun)
    if json {
      var object: JSONObject = ["folder": .string(folder), "removed": .bool(!dryRun)]
      for (key, value) in cleaning.json.object ?? [:] { object[key] = value }
      return try Output.print(.object(object))
    }
    let verb = dryRun ? "would be removed" : "removed"
    var lines = [
      "\(folder): \(Figure.count(cleaning.items.count)) items \(verb), \(Figure.bytes(cleaning.bytes))"
    ]
    let rows = StoreCleaning.Kind.allCases.compactMap { kind -> [String]? in
      let items = cleaning.items.filter { $0.kind == kind }
      guard !items.isEmpty else { return nil }
      let bytes = items.reduce(0) { $0 + $1.bytes }
      return [kind.meaning, Figure.count(items.count), Figure.bytes(bytes)]
    }
    lines += Output.table(rows, right: [1, 2])
    try Output.print(lines)
  }
}

extension StoreCleaning.Kind {
  fileprivate var meaning: String {
    switch self {
    case .record: "records of earlier settings"
    case .object: "outputs of no record"
    case .state: "saved states that nothing resumes from"
    case .leftover: "files of killed runs"
    }
  }
}

/// The work folder that `status` and `clean` are about.
enum WorkFolder {
  /// Returns `work` if given, otherwise the folder itself or the work folder of a recipe.
  static func path(_ recipeOrFolder: String, work: String?, variant: String?) throws -> String {
    if let work { return work }
    let isFolder = FileManager.default.fileExists(atPath: recipeOrFolder + "/.")
    if isFolder { return recipeOrFolder }
    return try Recipe(path: recipeOrFolder, variant: variant, planning: true).name + ".work"
  }
}
