import Bytes

/// A template that makes a text or another value from a row's fields: text with expressions in double
/// braces, in a small subset of Jinja.
///
/// | expression | meaning |
/// |---|---|
/// | `goal`, `choices.text`, `choices[0]`, `text[1:-1]` | a field, a member, an element or a part; indices below 0 count from the end, a text's are its code points |
/// | `"text"`, `3`, `true`, `none`, `[a, b]`, `{"k": a}` | constants, lists and mappings |
/// | `a ~ b`, `a + b`, `a - b` | texts joined; numbers, texts or lists added; numbers subtracted |
/// | `==`, `!=`, `in`, `not in`, `and`, `or`, `not`, `a if c else b` | comparisons and choices |
/// | `a is defined`, `is mapping`, `is string`, each with `not` | tests |
/// | `a.strip()`, `a\|trim` | functions (`TemplateFunction`), called as methods or as filters |
///
/// A template that is one expression has its value; a name alone is a field. Statements (`{% %}`),
/// comments (`{# #}`), whitespace control (`{{-`) and all else are refused.
package struct TaskTemplate: Sendable {
  enum Part: Sendable {
    case text(String)
    case value(TemplateExpression)
  }

  /// The template as written.
  package let source: String
  /// The longest text in bytes that a template may make. Nested `replace` and `join` multiply lengths.
  static let textLimit = 4 << 20
  /// Whether the template is a field's name alone.
  package let isField: Bool
  private let parts: [Part]

  /// - Throws: what isn't supported, or isn't an expression.
  package init(_ source: String) throws(TemplateProblem) {
    self.source = source
    isField = Self.isName(source)
    if isField {
      parts = [.value(.field(source))]
      return
    }
    var parts: [Part] = []
    let scalars = Array(source.unicodeScalars)
    var text = String.UnicodeScalarView()
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "{", index + 1 < scalars.count else {
        text.append(scalars[index])
        index += 1
        continue
      }
      switch scalars[index + 1] {
      case "%": throw TemplateProblem("statements (`{% %}`) aren't supported; use `a if c else b`")
      case "#": throw TemplateProblem("comments (`{# #}`) aren't supported")
      case "{":
        if !text.isEmpty { parts.append(.text(String(text))) }
        text = String.UnicodeScalarView()
        var parser = try TemplateParser(scalars, from: index + 2)
        parts.append(.value(try parser.whole()))
        index = parser.end
      default:
        text.append(scalars[index])
        index += 1
      }
    }
    if !text.isEmpty || parts.isEmpty { parts.append(.text(String(text))) }
    self.parts = parts
  }

  /// The value for a row: that of the expression if the template is a single one, otherwise a text.
  /// - Throws: the field that is missing, or the value that doesn't fit.
  package func value(of row: JSONObject) throws(TemplateProblem) -> JSON {
    if parts.count == 1, case .value(let expression) = parts[0] {
      return try expression.value(of: row)
    }
    var text = ""
    for part in parts {
      switch part {
      case .text(let part): text += part
      case .value(let expression): text += try expression.value(of: row).asText()
      }
      try Self.check(text.utf8.count)
    }
    return .string(text)
  }

  /// - Throws: if a text of `size` bytes is longer than the limit.
  static func check(_ size: Int) throws(TemplateProblem) {
    guard size <= textLimit else {
      throw TemplateProblem("makes a text of more than \(textLimit >> 20) MiB")
    }
  }

  /// Whether a text is a name: a letter or underscore, then letters, digits and underscores.
  static func isName(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, TemplateLexer.startsName(first) else {
      return false
    }
    return text.unicodeScalars.allSatisfy(TemplateLexer.continuesName)
  }
}

/// A fault of a template, or of a row that it was applied to, as one clause.
package struct TemplateProblem: Error, Equatable {
  package let text: String
  init(_ text: String) { self.text = text }
}

extension JSON {
  /// The value as part of a text, written as Python writes it.
  /// - Throws: for a list or a mapping, which have no place in a text.
  func asText() throws(TemplateProblem) -> String {
    switch self {
    case .string(let text): return text
    case .integer(let value): return String(value)
    case .number(let value): return "\(value)"
    case .bool(let value): return value ? "True" : "False"
    case .null: return "None"
    case .array, .object:
      throw TemplateProblem("\(kindName) can't be part of a text; join it or take an element")
    }
  }
}
