import Bytes

/// Named values that a section is read from, such as a mapping of a YAML file.
///
/// A getter returns nil where the field is absent or of the wrong type or range; what is wrong is noted
/// with its place, and reading goes on and finds the rest.
package protocol FieldSource: AnyObject {
  /// Whether the section is there, be it empty.
  var isGiven: Bool { get }
  /// The names of all fields that are given.
  var names: [String] { get }
  func has(_ name: String) -> Bool
  /// Makes a name known, so that it is no misspelling.
  func expect(_ name: String)
  func note(_ name: String, _ text: String)

  func integer(_ name: String, in range: ClosedRange<Int>) -> Int?
  func number(_ name: String, in range: ClosedRange<Double>) -> Double?
  func flag(_ name: String) -> Bool?
  func text(_ name: String) -> String?
  /// One of `spellings`.
  func choice(_ name: String, of spellings: [String]) -> String?
  /// The texts of a list; one value alone counts as a list of one.
  func list(_ name: String) -> [String]
  /// A number of bytes, written as `512 MiB`.
  func byteCount(_ name: String) -> Int?
  /// The path of a file or folder that must be there; a missing one is noted and returned.
  func file(_ name: String) -> String?
  /// The path of something that need not be there yet.
  func path(_ name: String) -> String?
  /// Whether the value of `name` is a section.
  func isSection(_ name: String) -> Bool
  /// The section inside this one; one without fields where it is absent.
  func section(_ name: String) -> any FieldSource
  /// The sections of a list.
  func sections(_ name: String) -> [any FieldSource]
  /// Says that files that are missing from here on are no problem where a build is only planned.
  func allowMissingFiles()
  /// Notes names that are in no table. To be called once, after everything was read.
  func finish()
}

extension FieldSource {
  /// Reads all fields of a table, then sets what follows from others.
  package func read<Section>(_ fields: [RecipeField<Section>], into section: inout Section) {
    var isRead: [Bool?] = []
    for field in fields {
      if !field.isInline { expect(field.name) }
      if let condition = field.condition, !condition.holds(section) {
        if has(field.name) { note(field.name, condition.finding(section)) }
        isRead.append(nil)
      } else {
        isRead.append(field.read(self, &section))
      }
    }
    for case (let field, let isRead?) in zip(fields, isRead) {
      field.settle(self, &section, isRead)
    }
  }

  /// Notes the first contradiction between fields.
  package func check<Section>(_ rules: [FieldRule<Section>], of section: Section) {
    for rule in rules {
      guard let found = rule.contradiction(section) else { continue }
      guard let place = rule.fields.first(where: has) ?? rule.fields.last else { return }
      return note(place, found.finding + (found.advice.map { "; " + $0 } ?? ""))
    }
  }
}

extension Array {
  /// The canonical form of a section by the table of its fields, in the table's order.
  package func json<Section>(of section: Section) -> JSONObject
  where Element == RecipeField<Section> {
    reduce(into: JSONObject()) { object, field in field.write(section, &object) }
  }

  /// The first value outside of its field's range.
  package func fault<Section>(in section: Section) -> (name: String, fault: FieldFault)?
  where Element == RecipeField<Section> {
    for field in self {
      if let fault = field.fault(section) { return (field.name, fault) }
    }
    return nil
  }

  /// The rows of the reference.
  package func descriptions<Section>(of section: Section) -> [FieldDescription]
  where Element == RecipeField<Section> {
    flatMap { $0.descriptions(section) }
  }

  /// The same fields of a section that holds this one.
  package func lifted<Inner, Outer>(
    _ path: WritableKeyPath<Outer, Inner> & Sendable
  ) -> [RecipeField<Outer>] where Element == RecipeField<Inner> {
    map { $0.lifted(path) }
  }
}
