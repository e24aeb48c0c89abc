import Bytes

/// A source of named values from which a section is read, such as a mapping in a YAML file.
///
/// A getter returns nil if the field is absent, of the wrong type or out of range. Problems are
/// recorded with their places, and reading continues, so that all problems are found.
package protocol FieldSource: AnyObject {
  /// Whether the section is present, even if empty.
  var isGiven: Bool { get }
  /// The names of all given fields.
  var names: [String] { get }
  /// Returns whether the field is given.
  func has(_ name: String) -> Bool
  /// Marks a name as known, so that `finish` doesn't report it.
  func expect(_ name: String)
  /// Records a problem with a field.
  func note(_ name: String, _ text: String)

  /// Returns a whole number.
  func integer(_ name: String, in range: ClosedRange<Int>) -> Int?
  /// Returns a finite number.
  func number(_ name: String, in range: ClosedRange<Double>) -> Double?
  /// Returns true or false.
  func flag(_ name: String) -> Bool?
  /// Returns a non-empty text.
  func text(_ name: String) -> String?
  /// Returns one of `spellings`.
  func choice(_ name: String, of spellings: [String]) -> String?
  /// Returns the texts of a list; a single value is treated as a list of one.
  func list(_ name: String) -> [String]
  /// Returns a number of bytes, written like `512 MiB`.
  func byteCount(_ name: String) -> Int?
  /// Returns the path of a file or folder that must exist; a missing one is recorded and returned.
  func file(_ name: String) -> String?
  /// Returns a path that needn't exist yet.
  func path(_ name: String) -> String?
  /// Returns whether the value of `name` is a section.
  func isSection(_ name: String) -> Bool
  /// Returns a nested section, without fields if it is absent.
  func section(_ name: String) -> any FieldSource
  /// Returns the sections of a list.
  func sections(_ name: String) -> [any FieldSource]
  /// Makes missing files no problem from here on, if a build is only planned.
  func allowMissingFiles()
  /// Reports unknown names. Must be called once, after all fields were read.
  func finish()
}

extension FieldSource {
  /// Reads all fields of a table, then sets the defaults that depend on other fields.
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

  /// Records the first contradiction between fields.
  package func check<Section>(_ rules: [FieldRule<Section>], of section: Section) {
    for rule in rules {
      guard let found = rule.contradiction(section) else { continue }
      guard let place = rule.fields.first(where: has) ?? rule.fields.last else { return }
      return note(place, found.finding + (found.advice.map { "; " + $0 } ?? ""))
    }
  }
}

extension Array {
  /// Returns the canonical form of a section, in the order of this table of its fields.
  package func json<Section>(of section: Section) -> JSONObject
  where Element == RecipeField<Section> {
    reduce(into: JSONObject()) { object, field in field.write(section, &object) }
  }

  /// Returns the first value that is outside its field's range.
  package func fault<Section>(in section: Section) -> (name: String, fault: FieldFault)?
  where Element == RecipeField<Section> {
    for field in self {
      if let fault = field.fault(section) { return (field.name, fault) }
    }
    return nil
  }

  /// Returns the rows of the reference, with the defaults of `section`.
  package func descriptions<Section>(of section: Section) -> [FieldDescription]
  where Element == RecipeField<Section> {
    flatMap { $0.descriptions(section) }
  }

  /// Returns the fields for an outer section that contains this one at `path`.
  package func lifted<Inner, Outer>(
    _ path: WritableKeyPath<Outer, Inner> & Sendable
  ) -> [RecipeField<Outer>] where Element == RecipeField<Inner> {
    map { $0.lifted(path) }
  }
}
