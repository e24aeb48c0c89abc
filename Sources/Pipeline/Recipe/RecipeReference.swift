import Bytes
import RecipeFields

/// The reference of recipes: every field of every section, generated from the tables that read
/// them.
package enum RecipeReference {
  /// A section of the reference.
  package struct Section: Sendable {
    /// The name as spelt in recipes; "recipe" for the fields outside sections.
    package let name: String
    package let meaning: String
    /// The rows, those of nested sections included.
    package let fields: [FieldDescription]
  }

  /// The recipe's top-level fields, then its sections in order.
  package static let sections: [Section] = {
    let top = Recipe.fields.descriptions(of: Recipe(emptyFile: "")) + [variants]
    let own = Section(
      name: topName, meaning: "Fields outside sections, and the sections.",
      fields: top.map { field in
        var row = field
        row.fields = []
        if !field.fields.isEmpty { row.meaning += "; see `\(field.name)` below" }
        return row
      })
    return [own]
      + top.filter { !$0.fields.isEmpty }.map {
        Section(name: $0.name, meaning: $0.meaning, fields: $0.fields.flatMap(\.flattened))
      }
  }()

  /// The name of the section of top-level fields.
  package static let topName = "recipe"

  /// The row for `variants`, which are merged into a recipe before its fields are read.
  private static let variants = FieldDescription(
    RecipeVariants.key, type: "sections by name", default: "none",
    "named variants of the recipe, each with the fields in which it differs; `~` removes a field; each run builds one variant"
  )

  /// Returns the section `name`.
  ///
  /// - Throws: `usage` if there is none.
  package static func section(_ name: String) throws(Failure) -> Section {
    if let found = sections.first(where: { $0.name == name }) { return found }
    let names = sections.map(\.name)
    let near = NearestName.of(name, among: names).map { "did you mean `\($0)`? " } ?? ""
    throw Failure(
      .usage, "recipes have no section `\(name)`",
      advice: "\(near)the sections are \(names.joined(separator: ", "))")
  }

  /// Returns sections as JSON: an array with one object per field.
  package static func json(_ sections: [Section]) -> JSON {
    .array(
      sections.flatMap { section in
        section.fields.map { field in
          var object: JSONObject = [
            "section": .string(section.name), "field": .string(field.name),
            "type": .string(field.type), "default": .string(field.fallback),
            "meaning": .string(field.meaning),
          ]
          object["range"] = field.range.map { .string($0) }
          object["only"] = field.condition.map { .string($0) }
          return .object(object)
        }
      })
  }

  /// All sections as Markdown tables.
  package static var markdown: String {
    sections.map { section in
      let head = """
        ## \(section.name == topName ? "The recipe" : "`\(section.name)`")

        \(sentence(section.meaning))

        | field | type | range | default | meaning |
        |---|---|---|---|---|

        """
      return head
        + section.fields.map { field in
          let meaning = (field.condition.map { "(\($0)) " } ?? "") + field.meaning
          let cells = ["`\(field.name)`", field.type, field.range ?? "", field.fallback, meaning]
          return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")
            + " |\n"
        }.joined()
    }.joined(separator: "\n")
  }

  /// Returns `text` with a capital letter and a full stop.
  private static func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  /// The lines that enclose the tables in a Markdown file.
  private static let (start, end) = (
    "<!-- begin: recipe-fields -->\n", "<!-- end: recipe-fields -->\n"
  )

  /// Returns the text of a Markdown file with the tables updated.
  ///
  /// - Throws: `invalidData` if the file lacks the enclosing lines.
  package static func filled(_ page: String, file: String) throws(Failure) -> String {
    guard let from = page.ranges(of: start).first?.upperBound,
      let to = page[from...].ranges(of: end).first?.lowerBound
    else {
      throw Failure(
        .invalidData, file: file, "has no lines `\(start.dropLast())` and `\(end.dropLast())`",
        advice: "add them where the tables belong")
    }
    return page[..<from] + "\n" + markdown + "\n" + page[to...]
  }
}
