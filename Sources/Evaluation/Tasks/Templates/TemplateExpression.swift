import Bytes

/// An expression of a template, and its value for a row.
indirect enum TemplateExpression: Sendable {
  case constant(JSON)
  case field(String)
  case list([TemplateExpression])
  case mapping([(key: TemplateExpression, value: TemplateExpression)])
  case member(TemplateExpression, String)
  case index(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, from: TemplateExpression?, to: TemplateExpression?)
  case call(TemplateFunction, TemplateExpression, [TemplateExpression])
  case negative(TemplateExpression)
  case not(TemplateExpression)
  case binary(Operator, TemplateExpression, TemplateExpression)
  case choice(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression)
  case test(TemplateExpression, Test)

  enum Operator: Sendable {
    case and, or, equal, unequal, isIn, isNotIn, plus, minus, joined
  }

  enum Test: String, Sendable, CaseIterable {
    case defined, mapping, string
  }

  func value(of row: JSONObject) throws(TemplateProblem) -> JSON {
    switch self {
    case .constant(let value): return value
    case .field(let name):
      guard let value = row[name] else {
        throw TemplateProblem(
          "the row has no field `\(name)`; it has "
            + (row.isEmpty ? "none" : row.keys.prefix(20).joined(separator: ", ")))
      }
      return value
    case .list(let elements):
      var values: [JSON] = []
      for element in elements { values.append(try element.value(of: row)) }
      return .array(values)
    case .mapping(let pairs):
      var object = JSONObject()
      for (key, value) in pairs {
        object[try key.value(of: row).asText()] = try value.value(of: row)
      }
      return .object(object)
    case .member(let base, let name): return try base.value(of: row).member(name)
    case .index(let base, let index):
      return try base.value(of: row).element(at: index.value(of: row))
    case .slice(let base, let from, let to):
      return try base.value(of: row).part(
        from: Self.bound(from, row), to: Self.bound(to, row))
    case .call(let function, let base, let arguments):
      var values: [JSON] = []
      for argument in arguments { values.append(try argument.value(of: row)) }
      return try function.apply(to: base.value(of: row), values)
    case .negative(let operand):
      let value = try operand.value(of: row)
      guard let number = value.int, number != .min else {
        throw TemplateProblem("`-` needs a whole number, found \(value.kindName)")
      }
      return JSON(-number)
    case .not(let operand): return .bool(try !operand.value(of: row).isTrue)
    case .binary(let operation, let a, let b): return try operation.value(a, b, of: row)
    case .choice(let then, let condition, let otherwise):
      return try condition.value(of: row).isTrue ? then.value(of: row) : otherwise.value(of: row)
    case .test(let operand, let test): return .bool(try operand.holds(test, of: row))
    }
  }

  private static func bound(
    _ bound: TemplateExpression?, _ row: JSONObject
  ) throws(TemplateProblem) -> Int? {
    guard let bound else { return nil }
    let value = try bound.value(of: row)
    guard let number = value.int else {
      throw TemplateProblem("a part's bound is \(value.kindName), not a whole number")
    }
    return number
  }

  private func holds(_ test: Test, of row: JSONObject) throws(TemplateProblem) -> Bool {
    switch test {
    case .defined:
      if case .field(let name) = self { return row[name] != nil }
      if case .member(let base, let name) = self {
        guard try base.holds(.defined, of: row) else { return false }
        return try base.value(of: row)[name] != nil
      }
      throw TemplateProblem("`is defined` takes a field")
    case .mapping: return try value(of: row).object != nil
    case .string: return try value(of: row).string != nil
    }
  }
}

extension TemplateExpression.Operator {
  func value(
    _ left: TemplateExpression, _ right: TemplateExpression, of row: JSONObject
  ) throws(TemplateProblem) -> JSON {
    let a = try left.value(of: row)
    // The second operand is left alone where the first decides, as in Python.
    switch self {
    case .and where !a.isTrue, .or where a.isTrue: return a
    default: break
    }
    let b = try right.value(of: row)
    switch self {
    case .and, .or: return b
    case .equal: return .bool(a == b)
    case .unequal: return .bool(a != b)
    case .isIn: return .bool(try b.contains(a))
    case .isNotIn: return .bool(try !b.contains(a))
    case .joined: return try Self.joined(a.asText(), b.asText())
    case .plus:
      if let a = a.string, let b = b.string { return try Self.joined(a, b) }
      if let a = a.array, let b = b.array { return .array(a + b) }
      return try Self.number("+", a, b) { $0.addingReportingOverflow($1) }
    case .minus: return try Self.number("-", a, b) { $0.subtractingReportingOverflow($1) }
    }
  }

  private static func joined(_ a: String, _ b: String) throws(TemplateProblem) -> JSON {
    try TaskTemplate.check(a.utf8.count + b.utf8.count)
    return .string(a + b)
  }

  private static func number(
    _ name: String, _ a: JSON, _ b: JSON,
    _ compute: (Int, Int) -> (partialValue: Int, overflow: Bool)
  ) throws(TemplateProblem) -> JSON {
    guard let x = a.int, let y = b.int else {
      throw TemplateProblem("`\(name)` can't combine \(a.kindName) and \(b.kindName)")
    }
    let (result, overflow) = compute(x, y)
    guard !overflow else { throw TemplateProblem("`\(name)` of \(x) and \(y) is too large") }
    return JSON(result)
  }
}
