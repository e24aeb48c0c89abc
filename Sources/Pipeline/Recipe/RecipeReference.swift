import Bytes
import RecipeFields

/// The reference of recipes: every field of every section, from the tables that read them.
package enum RecipeReference {
  /// One section's rows.
  package struct Section: Sendable {
    /// As recipes spell it; "recipe" for the fields outside of sections.
    package let name: String
    package let meaning: String
    package let fields: [FieldDescription]
  }

  /// The recipe's own fields, then its sections in their order.
  package static let sections: [Section] = {
    let top = Recipe.fields.descriptions(of: Recipe(emptyFile: "")) + [variants]
    let own = Section(
      name: topName, meaning: "Fields outside of sections, and the sections.",
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

  package static let topName = "recipe"

  /// Variants are laid over a recipe before its fields are read.
  private static let variants = FieldDescription(
    RecipeVariants.key, type: "sections by name", default: "none",
    "named builds of the same recipe, each with the fields in which it differs; `~` takes a field away; one is chosen for each run"
  )

  /// The section called `name`.
  /// - Throws: `usage` where there is none.
  package static func section(_ name: String) throws(Failure) -> Section {
    if let found = sections.first(where: { $0.name == name }) { return found }
    let names = sections.map(\.name)
    let near = NearestName.of(name, among: names).map { "did you mean `\($0)`? " } ?? ""
    throw Failure(
      .usage, "recipes have no section `\(name)`",
      advice: "\(near)the sections are \(names.joined(separator: ", "))")
  }

  /// All sections as JSON: a list of objects, one per field.
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

  /// All sections as tables in Markdown.
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

  /// A capital letter and a full stop.
  private static func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  /// The lines between which a file holds the tables.
  private static let (start, end) = (
    "<!-- begin: recipe-fields -->\n", "<!-- end: recipe-fields -->\n"
  )

  /// A page's text with the tables in their place.
  /// - Throws: `invalidData` where the page has no such place.
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
