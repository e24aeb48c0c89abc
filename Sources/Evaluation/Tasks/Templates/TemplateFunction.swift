import Bytes

/// A function of templates: Python's methods of texts and lists, Jinja's filters, and the preparation
/// that a published task does in code, by name.
///
/// | name | gives |
/// |---|---|
/// | `strip`, `trim`, `lstrip`, `rstrip` | the text without whitespace at both ends, or at one |
/// | `lower`, `upper`, `capitalize`, `lower_first` | the text in that case; `lower_first` changes the first letter alone |
/// | `replace(a, b)`, `split(a)`, `split()`, `startswith(a)`, `endswith(a)` | as in Python |
/// | `join(a)`, `index(a)`, `first`, `last`, `length`, `list` | of a list; `index` and `length` of a text too |
/// | `map('trim')`, `map(attribute='text')` | each element through a filter without arguments, or its member |
/// | `int`, `string` | the number that a text spells; the text of a value |
/// | `hellaswag` | the text as HellaSwag's preparation leaves it: stripped, ` [title]` a full stop, no brackets, two spaces one |
/// | `without_longer` | a list of accepted answers, sorted, without those that begin with an earlier one (WebQuestions) |
enum TemplateFunction: String, Sendable, CaseIterable {
  case strip, trim, lstrip, rstrip, lower, upper, capitalize
  case lowerFirst = "lower_first"
  case replace, split, startswith, endswith
  case join, index, first, last, length, list, map
  /// `map(attribute=…)`.
  case members = "map(attribute)"
  case int, string
  case hellaswag
  case withoutLonger = "without_longer"

  /// - Parameter asFilter: whether it follows `|`, as most do; only methods that Python has follow a dot.
  init(_ name: String, arguments: Int, asFilter: Bool) throws(TemplateProblem) {
    let known = Self.allCases.filter {
      $0 != .members && (asFilter ? !$0.isMethodOnly : $0.isMethod)
    }
    guard let function = known.first(where: { $0.rawValue == name }) else {
      throw TemplateProblem(
        "the \(asFilter ? "filter" : "method") `\(name)` isn't supported; use one of "
          + known.map(\.rawValue).joined(separator: ", "))
    }
    guard function.argumentCounts.contains(arguments) else {
      throw TemplateProblem(
        "`\(name)` takes \(function.argumentCounts.map(String.init).joined(separator: " or ")) arguments,"
          + " found \(arguments)")
    }
    self = function
  }

  private var isMethod: Bool {
    switch self {
    case .strip, .lstrip, .rstrip, .lower, .upper, .capitalize, .replace, .split, .startswith,
      .endswith, .index:
      true
    default: false
    }
  }

  private var isMethodOnly: Bool {
    switch self {
    case .strip, .lstrip, .rstrip, .split, .startswith, .endswith, .index: true
    default: false
    }
  }

  private var argumentCounts: [Int] {
    switch self {
    case .replace: [2]
    case .startswith, .endswith, .index, .map, .members: [1]
    case .split, .join: [0, 1]
    default: [0]
    }
  }

  func apply(to value: JSON, _ arguments: [JSON]) throws(TemplateProblem) -> JSON {
    switch self {
    case .string: return .string(try value.asText())
    case .int: return try number(value)
    case .length: return JSON(try length(value))
    case .list: return .array(try elements(value))
    case .first, .last:
      let all = try elements(value)
      guard let element = self == .first ? all.first : all.last else {
        throw TemplateProblem("`\(rawValue)` of an empty list")
      }
      return element
    case .join:
      let separator = try arguments.first.map { (a) throws(TemplateProblem) in try text(a) } ?? ""
      var parts: [String] = []
      var size = 0
      for element in try elements(value) {
        let part = try element.asText()
        size += part.utf8.count + (parts.isEmpty ? 0 : separator.utf8.count)
        try TaskTemplate.check(size)
        parts.append(part)
      }
      return .string(parts.joined(separator: separator))
    case .map: return try map(value, arguments[0])
    case .members:
      let name = try text(arguments[0])
      var members: [JSON] = []
      for element in try elements(value) { members.append(try element.member(name)) }
      return .array(members)
    case .index: return JSON(try place(of: arguments[0], in: value))
    case .withoutLonger: return try withoutLonger(value)
    case .split:
      guard let separator = arguments.first else {
        return JSON(PythonText.words(try text(value)))
      }
      guard try !text(separator).isEmpty else { throw TemplateProblem("`split` by an empty text") }
      return JSON(PythonText.split(try text(value), by: try text(separator)))
    case .startswith: return .bool(PythonText.starts(try text(value), with: try text(arguments[0])))
    case .endswith: return .bool(PythonText.ends(try text(value), with: try text(arguments[0])))
    case .replace:
      return .string(
        try PythonText.replaced(text(value), text(arguments[0]), by: text(arguments[1])))
    default: return .string(changed(try text(value)))
    }
  }

  /// A text through a function of one text.
  private func changed(_ text: String) -> String {
    switch self {
    case .strip, .trim: return PythonText.stripped(text)
    case .lstrip: return PythonText.stripped(text, right: false)
    case .rstrip: return PythonText.stripped(text, left: false)
    case .lower: return text.lowercased()
    case .upper: return text.uppercased()
    case .capitalize: return PythonText.capitalized(text)
    case .lowerFirst:
      guard let first = text.unicodeScalars.first else { return text }
      return first.properties.lowercaseMapping
        + PythonText.joined(text.unicodeScalars.dropFirst())
    case .hellaswag:
      let titled = PythonText.split(PythonText.stripped(text), by: " [title]")
        .joined(separator: ". ")
      return PythonText.split(PythonText.withoutBrackets(titled), by: "  ").joined(separator: " ")
    default: preconditionFailure("`\(rawValue)` isn't a function of one text")
    }
  }

  private func text(_ value: JSON) throws(TemplateProblem) -> String {
    guard let text = value.string else {
      throw TemplateProblem("`\(rawValue)` needs a text, found \(value.kindName)")
    }
    return text
  }

  private func elements(_ value: JSON) throws(TemplateProblem) -> [JSON] {
    if let text = value.string { return text.unicodeScalars.map { .string(String($0)) } }
    guard let elements = value.array else {
      throw TemplateProblem("`\(rawValue)` needs a list, found \(value.kindName)")
    }
    return elements
  }

  private func length(_ value: JSON) throws(TemplateProblem) -> Int {
    if let object = value.object { return object.count }
    return try elements(value).count
  }

  private func number(_ value: JSON) throws(TemplateProblem) -> JSON {
    let spelled = value.string.flatMap { Int(PythonText.stripped($0)) }
    guard let number = spelled ?? value.int else {
      let shown = value.string.map { "\"\($0.prefix(40))\"" } ?? value.kindName
      throw TemplateProblem("`int` needs a whole number, found \(shown)")
    }
    return JSON(number)
  }

  private func place(of element: JSON, in value: JSON) throws(TemplateProblem) -> Int {
    let place: Int?
    if let text = value.string {
      place = PythonText.find(try self.text(element), in: text)
    } else {
      place = try elements(value).firstIndex(of: element)
    }
    guard let place else {
      throw TemplateProblem(
        "`index`: \(element.canonicalText.prefix(40)) isn't in \(value.canonicalText.prefix(80))")
    }
    return place
  }

  private func map(_ value: JSON, _ name: JSON) throws(TemplateProblem) -> JSON {
    let function = try TemplateFunction(text(name), arguments: 0, asFilter: true)
    var mapped: [JSON] = []
    for element in try elements(value) { mapped.append(try function.apply(to: element, [])) }
    return .array(mapped)
  }

  private func withoutLonger(_ value: JSON) throws(TemplateProblem) -> JSON {
    var texts: [String] = []
    for element in try elements(value) { texts.append(try text(element)) }
    texts.sort { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    var kept: [String] = []
    for text in texts where kept.last.map({ PythonText.starts(text, with: $0) }) != true {
      kept.append(text)
    }
    return JSON(kept)
  }
}
