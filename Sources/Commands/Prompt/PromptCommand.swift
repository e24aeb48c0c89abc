import ArgumentParser
import BundleFormat
import Bytes
import Pipeline
import Prompts

/// The command `ctpack prompt`, which groups the commands on a bundle's prompts.
struct PromptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prompt",
    abstract: "List, learn, import, export, compare and remove a bundle's prompts and adapters.",
    subcommands: [
      PromptListCommand.self, PromptLearnCommand.self, PromptImportCommand.self,
      PromptExportCommand.self,
      PromptCompareCommand.self, PromptRemoveCommand.self,
    ])
}

/// The command `ctpack prompt list`.
struct PromptListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a bundle's prompts and adapters, with their perplexities.")

  @Argument(help: "The bundle.") var bundle: String
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    let opened = try ModelBundle(path: bundle)
    let prompts = try opened.adapters
    if json { return try Output.print(.array(prompts.map(\.inspection))) }
    let size = WholeFile(opened).line
    if prompts.isEmpty { return try Output.print(["no prompts", size]) }
    var rows = [["name", "kind", "size", "objective", "perplexity without → with"]]
    rows += prompts.map { prompt -> [String] in
      let measured = prompt.validatedOn.map {
        "\($0.text) \(Figure.short($0.pplWithout)) → \(Figure.short($0.pplWith))"
      }
      return [
        prompt.name, prompt.shape.kind.rawValue, prompt.shape.label, prompt.objective,
        prompt.unvalidated ? "never measured on these weights" : measured.joined(separator: ", "),
      ]
    }
    try Output.print(Output.table(rows, indent: "") + [size])
  }
}

/// The command `ctpack prompt remove`.
struct PromptRemoveCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove prompts from a bundle, in place.",
    discussion: """
      Removes each prompt with its keys and values, its routing key and the evidence measured with it; \
      all named prompts in one step, or none. The file keeps their bytes as unused space until \
      `ctpack compact` rewrites it.
      """)

  @Argument(help: "The bundle; changed in place, in one step.") var bundle: String
  @Argument(help: "The names of the prompts to remove.") var names: [String]
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions

  func run() throws {
    let generation = try AdapterLibrary.remove(names, from: bundle)
    let left = try ModelBundle(path: bundle).adapters.map(\.name)
    if json {
      return try Output.print([
        "bundle": .string(bundle), "removed": .array(names.map { .string($0) }),
        "prompts": .array(left.map { .string($0) }),
        "generation": .integer(Int64(clamping: generation)),
      ])
    }
    let list = names.map { "`\($0)`" }.joined(separator: ", ")
    try Output.print(
      "\(bundle): \(names.count == 1 ? "prompt" : "prompts") \(list) removed"
        + " (generation \(generation))")
  }
}
