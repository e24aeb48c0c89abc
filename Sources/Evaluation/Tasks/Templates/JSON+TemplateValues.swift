import Bytes

/// Values of templates, with Python's rules for truth, indices and parts.
extension JSON {
  /// Whether Python takes the value for true: not null, false, 0 or empty.
  var isTrue: Bool {
    switch self {
    case .null: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let object): !object.isEmpty
    }
  }

  func member(_ name: String) throws(TemplateProblem) -> JSON {
    guard let object else {
      throw TemplateProblem("\(kindName) has no member `\(name)`")
    }
    guard let value = object[name] else {
      throw TemplateProblem(
        "there is no member `\(name)`; there are "
          + (object.isEmpty ? "none" : object.keys.prefix(20).joined(separator: ", ")))
    }
    return value
  }

  func element(at index: JSON) throws(TemplateProblem) -> JSON {
    if let object, let name = index.string { return try JSON.object(object).member(name) }
    guard let number = index.int else {
      throw TemplateProblem("\(kindName) has no element at \(index.kindName)")
    }
    func place(_ count: Int) throws(TemplateProblem) -> Int {
      let place = number < 0 ? count + number : number
      guard (0..<count).contains(place) else {
        throw TemplateProblem("there is no element \(number) among \(count)")
      }
      return place
    }
    switch self {
    case .array(let elements): return elements[try place(elements.count)]
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      return .string(String(scalars[try place(scalars.count)]))
    default: throw TemplateProblem("\(kindName) has no element \(number)")
    }
  }

  /// The elements or code points `from` ..< `to`, as Python's slices count them.
  func part(from: Int?, to: Int?) throws(TemplateProblem) -> JSON {
    func range(_ count: Int) -> Range<Int> {
      func clamped(_ bound: Int) -> Int { max(0, min(count, bound < 0 ? count + bound : bound)) }
      let lower = clamped(from ?? 0)
      return lower..<max(lower, clamped(to ?? count))
    }
    switch self {
    case .array(let elements): return .array(Array(elements[range(elements.count)]))
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars[range(scalars.count)])
      return .string(String(part))
    default: throw TemplateProblem("\(kindName) has no parts")
    }
  }

  /// Whether a list has the element, a mapping the key, or a text the part.
  func contains(_ element: JSON) throws(TemplateProblem) -> Bool {
    switch (self, element) {
    case (.array(let elements), _): return elements.contains(element)
    case (.object(let object), .string(let key)): return object[key] != nil
    case (.string(let text), .string(let part)): return PythonText.find(part, in: text) != nil
    default: throw TemplateProblem("`in` can't look for \(element.kindName) in \(kindName)")
    }
  }
}
