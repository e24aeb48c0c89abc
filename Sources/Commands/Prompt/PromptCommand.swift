import ArgumentParser
import BundleFormat
import Bytes
import Pipeline
import Prompts

struct PromptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prompt", abstract: "The prompts and adapters of a bundle.",
    subcommands: [
      PromptListCommand.self, PromptLearnCommand.self, PromptImportCommand.self,
      PromptExportCommand.self,
      PromptCompareCommand.self, PromptRemoveCommand.self,
    ])
}

struct PromptListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the prompts of a bundle.")

  @Argument(help: "The bundle.") var bundle: String
  @Flag(help: "The result as JSON.") var json = false

  func run() throws {
    let opened = try ModelBundle(path: bundle)
    let prompts = try opened.adapters
    if json { return try Output.print(.array(prompts.map(\.inspection))) }
    let size = WholeFile(opened).line
    if prompts.isEmpty { return try Output.print("no prompts\n\(size)") }
    let rows = prompts.map { prompt in
      let measured = prompt.validatedOn.map {
        "\($0.text) \(Figure.short($0.pplWithout)) → \(Figure.short($0.pplWith))"
      }
      return [
        prompt.name, prompt.shape.kind.rawValue, prompt.shape.label, prompt.objective,
        prompt.unvalidated ? "never measured on these weights" : measured.joined(separator: ", "),
      ]
    }
    try Output.print(Output.table(rows, indent: "") + "\n" + size)
  }
}

struct PromptRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove prompts from a bundle, in place.",
    discussion: """
      A prompt's keys and values go with it, and so does the evidence that was measured with it. The \
      bytes stay in the file until `ctpack compact` rewrites it. All prompts named are removed in one \
      step, or none.
      """)

  @Argument(help: "The bundle; changed in place, in one step.") var bundle: String
  @Argument(help: "The prompt's name; several for several prompts.") var names: [String]
  @Flag(help: "The result as JSON.") var json = false

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
