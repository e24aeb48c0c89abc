import ArgumentParser
import Bytes
import Foundation
import Pipeline
import RecipeFields

/// The command `ctpack recipe`, which groups the commands on recipes' fields.
struct RecipeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe", abstract: "Show the fields that a recipe can have.",
    subcommands: [RecipeFieldsCommand.self, RecipeReferenceCommand.self])
}

/// The command `ctpack recipe fields`.
struct RecipeFieldsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fields",
    abstract: "List a recipe's fields with their types, ranges, defaults and meanings.",
    discussion: """
      Sections: \(RecipeReference.sections.map(\.name).joined(separator: ", ")).
      """)

  @Argument(help: "The section to list (default: all).") var section: String?
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    let sections =
      try section.map { [try RecipeReference.section($0)] } ?? RecipeReference.sections
    if json { return try Output.print(RecipeReference.json(sections)) }
    try Output.write(sections.map(Self.page).joined(separator: "\n\n") + "\n")
  }

  private static func page(_ section: RecipeReference.Section) -> String {
    let rows = section.fields.map { field in
      let values = ([field.type] + [field.range].compactMap { $0 }).joined(separator: ": ")
      let condition = field.condition.map { "\($0): " } ?? ""
      return "  \(field.name)\n      \(condition)\(field.meaning)\n"
        + "      \(values.isEmpty ? "" : values + "; ")default: \(field.fallback)"
    }
    return "\(section.name): \(section.meaning)\n\n" + rows.joined(separator: "\n")
  }
}

/// The hidden command `ctpack recipe reference`, which makes and checks Recipes/README.md.
struct RecipeReferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reference",
    abstract: "Print a recipe's fields as Markdown tables, or compare a page with them.",
    discussion: """
      Exit status 1 if the page's text between `<!-- begin: recipe-fields -->` and \
      `<!-- end: recipe-fields -->` differs from these tables.
      """, shouldDisplay: false)

  @Argument(help: "The page to compare, such as Recipes/README.md.") var page: String?
  @Flag(help: "Write the tables into the page.") var write = false

  func validate() throws {
    if write, page == nil { throw ValidationError("--write needs a page") }
  }

  func run() throws {
    guard let page else { return try Output.write(RecipeReference.markdown) }
    let bytes = try MappedFile(path: page).bytes.array
    let text = String(decoding: bytes, as: UTF8.self)
    let filled = try RecipeReference.filled(text, file: page)
    guard filled != text else { return }
    guard write else {
      throw Failure(
        .notMet, file: page, "the tables differ from the recipe's fields",
        advice: "run `ctpack recipe reference \(page) --write`")
    }
    try AtomicFile.write(Array(filled.utf8), to: FileDestination(page))
  }
}

/// Lists of fields for help pages.
enum FieldList {
  /// The fields of a recipe's `prompt` section with their ranges or types, one per line.
  static var prompt: String {
    let rows = PromptRecipe.fields.descriptions(of: PromptRecipe()).flatMap(\.flattened)
      .filter { $0.type != "section" }
    let width = rows.map(\.name.count).max() ?? 0
    return rows.map { field in
      let name = field.name.padding(toLength: width, withPad: " ", startingAt: 0)
      return "  \(name)  \(field.range ?? field.type)"
    }.joined(separator: "\n")
  }
}
