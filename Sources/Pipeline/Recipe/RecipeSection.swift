import Bytes
import Evaluation
import RecipeFields
import Yams

/// A mapping in a recipe file, read field by field. Problems are recorded with their lines, and
/// reading continues, so that all problems are found.
final class RecipeSection: FieldSource {
  /// The section's qualified name: "prompt.validation".
  let section: String
  /// The line on which the section starts; nil if absent.
  let line: Int?
  let isGiven: Bool
  let problems: RecipeProblems
  let paths: RecipePaths
  private var fields: [(name: String, line: Int?, value: Node)] = []
  private var known: [String] = []

  /// Wraps a YAML mapping; anything else is recorded as a problem.
  ///
  /// - Parameter node: the mapping; nil if the section is absent.
  init(_ node: Node?, section: String, problems: RecipeProblems, paths: RecipePaths) {
    self.section = section
    self.problems = problems
    self.paths = paths
    line = node?.mark?.line
    isGiven = node != nil
    var fields: [(name: String, line: Int?, value: Node)] = []
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        if let name = key.string {
          fields.append((name, key.mark?.line, value))
        } else {
          problems.add(key.mark?.line, "a key of \(section) is not a name")
        }
      }
    case .scalar(let scalar)
    where scalar.style == .plain && ["", "~", "null"].contains(scalar.string):
      break
    case .none: break
    default:
      problems.add(
        line, "\(section): expected `name: value` pairs, found \(RecipeSection.kind(node))")
    }
    self.fields = fields
    if let line { problems.lines[section] = line }
    for field in fields where field.line != nil {
      problems.lines[qualified(field.name)] = field.line
    }
  }

  func finish() {
    for field in fields where !known.contains(field.name) {
      let near = NearestName.of(field.name, among: known).map { " (did you mean `\($0)`?)" }
      let list = near == nil ? "; known are \(known.joined(separator: ", "))" : ""
      problems.add(field.line, "\(section): unknown key `\(field.name)`\(near ?? list)")
    }
  }

  var names: [String] { fields.map(\.name) }

  /// Returns the line of a field, or the section's if the field is absent.
  func line(of name: String) -> Int? { fields.first { $0.name == name }?.line ?? line }

  func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

  func expect(_ name: String) {
    if !known.contains(name) { known.append(name) }
  }

  /// Returns the value of a field as YAML, and marks its name as known.
  func node(_ name: String) -> Node? {
    expect(name)
    return fields.first { $0.name == name }?.value
  }

  func note(_ name: String, _ text: String) { note(name, text, kind: .invalidData) }

  /// Records a problem with a field.
  func note(_ name: String, _ text: String, kind: Failure.Kind) {
    problems.add(line(of: name), "\(qualified(name)): \(text)", kind: kind)
  }

  private func qualified(_ name: String) -> String {
    [RecipeSection.top, VerificationPolicy.top, TaskDescription.top].contains(section)
      ? name : "\(section).\(name)"
  }

  /// The name of the top-level section in messages.
  static let top = "the recipe"

  func isSection(_ name: String) -> Bool {
    guard case .mapping? = node(name) else { return false }
    return true
  }

  func section(_ name: String) -> any FieldSource { section(node(name), qualified(name)) }

  func sections(_ name: String) -> [any FieldSource] {
    nodes(name).enumerated().map { section($1, "\(qualified(name)) \($0 + 1)") }
  }

  private func section(_ node: Node?, _ name: String) -> RecipeSection {
    RecipeSection(node, section: name, problems: problems, paths: paths)
  }

  func allowMissingFiles() { problems.allowMissingFiles() }

  /// Returns the elements of a list; a single value is treated as a list of one.
  private func nodes(_ name: String) -> [Node] {
    switch node(name) {
    case .sequence(let sequence): Array(sequence)
    case .none: []
    case .some(let node): [node]
    }
  }

  func list(_ name: String) -> [String] { nodes(name).map { $0.string ?? "" } }

  /// Describes a node for error messages: "a list".
  static func kind(_ node: Node?) -> String {
    switch node {
    case .scalar(let scalar): "`\(scalar.string.prefix(40))`"
    case .mapping: "`name: value` pairs"
    case .sequence: "a list"
    case .alias: "an alias"
    case .none: "nothing"
    }
  }
}

/// Getters of single values.
extension RecipeSection {
  /// Returns the text of an unquoted scalar; nil for anything else.
  private func plain(_ name: String) -> String? {
    guard case .scalar(let scalar)? = node(name), scalar.style == .plain else { return nil }
    return scalar.string
  }

  private func wrong(_ name: String, _ expected: String) {
    note(name, "expected \(expected), found \(Self.kind(node(name)))")
  }

  func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
    guard node(name) != nil else { return nil }
    guard let text = plain(name), let found = Int(text.replacing("_", with: "")) else {
      wrong(name, "a whole number")
      return nil
    }
    guard range.contains(found) else {
      note(name, "\(found) lies outside \(FieldText.range(range))")
      return nil
    }
    return found
  }

  func number(_ name: String, in range: ClosedRange<Double>) -> Double? {
    guard node(name) != nil else { return nil }
    guard let text = plain(name), let found = Double(text), found.isFinite else {
      wrong(name, "a number")
      return nil
    }
    guard range.contains(found) else {
      note(name, "\(text) lies outside \(FieldText.range(range))")
      return nil
    }
    return found
  }

  func flag(_ name: String) -> Bool? {
    guard node(name) != nil else { return nil }
    switch plain(name) {
    case "true", "True", "yes", "on": return true
    case "false", "False", "no", "off": return false
    default:
      wrong(name, "true or false")
      return nil
    }
  }

  func text(_ name: String) -> String? {
    guard let node = node(name) else { return nil }
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      wrong(name, "text")
      return nil
    }
    return scalar.string
  }

  func choice(_ name: String, of spellings: [String]) -> String? {
    guard let text = text(name) else { return nil }
    if spellings.contains(text) { return text }
    let near = NearestName.of(text, among: spellings).map { " (did you mean `\($0)`?)" } ?? ""
    note(
      name,
      "expected one of \(spellings.joined(separator: ", ")), found `\(text.prefix(40))`\(near)")
    return nil
  }

  func byteCount(_ name: String) -> Int? {
    guard let text = text(name) else { return nil }
    if let bytes = ByteAmount.parse(text) { return bytes }
    note(name, "expected an amount like `512 MiB` or `1.5 GiB`, found `\(text.prefix(40))`")
    return nil
  }
}
