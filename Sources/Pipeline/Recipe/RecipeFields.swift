import Bytes
import Foundation
import Yams

/// One mapping of a recipe, read field by field. A field that is absent gives its default; a field
/// that is wrong is noted with its line and gives its default too, so that reading goes on and
/// finds the rest.
final class RecipeFields {
  let section: String
  let line: Int?
  /// Whether the section is there, be it empty.
  let isGiven: Bool
  let problems: RecipeProblems
  private var fields: [(name: String, line: Int?, value: Node)] = []
  private var known: [String] = []

  /// - Parameter node: nil where the section is absent: every field then has its default.
  init(_ node: Node?, section: String, problems: RecipeProblems) {
    self.section = section
    self.problems = problems
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
        line, "\(section): expected `name: value` pairs, found \(RecipeFields.kind(node))")
    }
    self.fields = fields
    if let line { problems.lines[section] = line }
    for field in fields where field.line != nil {
      problems.lines[qualified(field.name)] = field.line
    }
  }

  /// Notes keys that nobody asked for. To be called once everything was read.
  func finish() {
    for field in fields where !known.contains(field.name) {
      let near = NearestName.of(field.name, among: known).map { " (did you mean `\($0)`?)" }
      let list = near == nil ? "; known are \(known.joined(separator: ", "))" : ""
      problems.add(field.line, "\(section): unknown key `\(field.name)`\(near ?? list)")
    }
  }

  var names: [String] { fields.map(\.name) }

  func line(of name: String) -> Int? { fields.first { $0.name == name }?.line ?? line }

  func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

  func node(_ name: String) -> Node? {
    if !known.contains(name) { known.append(name) }
    return fields.first { $0.name == name }?.value
  }

  func note(_ name: String, _ text: String, kind: Failure.Kind = .invalidData) {
    problems.add(line(of: name), "\(qualified(name)): \(text)", kind: kind)
  }

  private func qualified(_ name: String) -> String {
    section == RecipeFields.top ? name : "\(section).\(name)"
  }

  static let top = "the recipe"

  /// A section inside this one.
  func section(_ name: String) -> RecipeFields {
    RecipeFields(node(name), section: qualified(name), problems: problems)
  }

  /// The elements of a list; one value alone counts as a list of one.
  func list(_ name: String) -> [Node] {
    switch node(name) {
    case .sequence(let sequence): Array(sequence)
    case .none: []
    case .some(let node): [node]
    }
  }

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

/// Single values.
extension RecipeFields {
  private func plain(_ name: String) -> String? {
    guard case .scalar(let scalar)? = node(name), scalar.style == .plain else { return nil }
    return scalar.string
  }

  private func wrong(_ name: String, _ expected: String) {
    note(name, "expected \(expected), found \(Self.kind(node(name)))")
  }

  /// A whole number within `range`.
  func integer(_ name: String, default value: Int, in range: ClosedRange<Int>) -> Int {
    optionalInteger(name, in: range) ?? value
  }

  func optionalInteger(_ name: String, in range: ClosedRange<Int>) -> Int? {
    guard node(name) != nil else { return nil }
    guard let text = plain(name), let found = Int(text.replacing("_", with: "")) else {
      wrong(name, "a whole number")
      return nil
    }
    guard range.contains(found) else {
      note(name, "\(found) lies outside \(Self.text(range))")
      return nil
    }
    return found
  }

  private static func text(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "\(range.lowerBound) and more" : "\(range.lowerBound)...\(range.upperBound)"
  }

  /// A finite number within `range`.
  func number(_ name: String, default value: Double, in range: ClosedRange<Double>) -> Double {
    optionalNumber(name, in: range) ?? value
  }

  func optionalNumber(_ name: String, in range: ClosedRange<Double>) -> Double? {
    guard node(name) != nil else { return nil }
    guard let text = plain(name), let found = Double(text), found.isFinite else {
      wrong(name, "a number")
      return nil
    }
    guard range.contains(found) else {
      let upper =
        range.upperBound == .greatestFiniteMagnitude ? " and more" : "...\(range.upperBound)"
      note(name, "\(text) lies outside \(range.lowerBound)\(upper)")
      return nil
    }
    return found
  }

  func flag(_ name: String, default value: Bool) -> Bool {
    guard node(name) != nil else { return value }
    switch plain(name) {
    case "true", "True", "yes", "on": return true
    case "false", "False", "no", "off": return false
    default:
      wrong(name, "true or false")
      return value
    }
  }

  func string(_ name: String) -> String? {
    guard let node = node(name) else { return nil }
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      wrong(name, "a text")
      return nil
    }
    return scalar.string
  }

  /// One of the raw values of `Choice`.
  ///
  /// - Parameter other: a value beside them, for the sentence of an error.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, or other: String? = nil, default value: Choice
  ) -> Choice where Choice.RawValue == String {
    guard let text = string(name) else { return value }
    if let found = Choice(rawValue: text) { return found }
    let all = (other.map { [$0] } ?? []) + Choice.allCases.map(\.rawValue)
    let near = NearestName.of(text, among: all).map { " (did you mean `\($0)`?)" } ?? ""
    note(name, "expected one of \(all.joined(separator: ", ")), found `\(text.prefix(40))`\(near)")
    return value
  }
}
