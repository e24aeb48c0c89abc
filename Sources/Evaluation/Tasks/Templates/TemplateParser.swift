import Bytes

/// A parser of an expression in a template, with Jinja's precedence: `if`, `or`, `and`, `not`,
/// comparisons, `+` and `-`, `~`, then signs, members and filters.
struct TemplateParser {
  /// The place after the expression's closing braces.
  let end: Int
  private let tokens: [TemplateToken]
  private var next = 0
  private var depth = 0
  /// The deepest nesting of an expression.
  private static let depthLimit = 64

  /// Reads the tokens from `start`, which is after the opening braces.
  init(_ scalars: [Unicode.Scalar], from start: Int) throws(TemplateProblem) {
    if start < scalars.count, scalars[start] == "-" {
      throw TemplateProblem("whitespace control (`{{-`) isn't supported")
    }
    var lexer = TemplateLexer(scalars, from: start)
    tokens = try lexer.tokens()
    end = lexer.index
  }

  /// Parses the whole expression.
  mutating func whole() throws(TemplateProblem) -> TemplateExpression {
    let expression = try expression()
    guard tokens[next] == .end else { throw unexpected() }
    return expression
  }

  private func unexpected() -> TemplateProblem {
    switch tokens[next] {
    case .end: TemplateProblem("the expression ends too early")
    case .name(let name): TemplateProblem("`\(name)` is unexpected here")
    case .text(let text): TemplateProblem("the text \"\(text)\" is unexpected here")
    case .number(let number): TemplateProblem("\(number) is unexpected here")
    case .sign(let sign): TemplateProblem("`\(sign)` is unexpected here")
    }
  }

  private mutating func takes(_ sign: String) -> Bool {
    guard tokens[next] == .sign(sign) else { return false }
    next += 1
    return true
  }

  private mutating func takes(word: String) -> Bool {
    guard tokens[next] == .name(word) else { return false }
    next += 1
    return true
  }

  private mutating func expect(_ sign: String) throws(TemplateProblem) {
    guard takes(sign) else { throw unexpected() }
  }

  private mutating func expression() throws(TemplateProblem) -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw TemplateProblem("is nested deeper than \(Self.depthLimit) levels")
    }
    let value = try or()
    guard takes(word: "if") else { return value }
    let condition = try or()
    guard takes(word: "else") else { throw TemplateProblem("`if` without `else`") }
    return .choice(value, condition: condition, otherwise: try expression())
  }

  private mutating func or() throws(TemplateProblem) -> TemplateExpression {
    var left = try and()
    while takes(word: "or") { left = .binary(.or, left, try and()) }
    return left
  }

  private mutating func and() throws(TemplateProblem) -> TemplateExpression {
    var left = try not()
    while takes(word: "and") { left = .binary(.and, left, try not()) }
    return left
  }

  private mutating func not() throws(TemplateProblem) -> TemplateExpression {
    var negations = 0
    while takes(word: "not") { negations += 1 }
    let operand = try comparison()
    if negations == 0 { return operand }
    return negations % 2 == 1 ? .not(operand) : .not(.not(operand))
  }

  private mutating func comparison() throws(TemplateProblem) -> TemplateExpression {
    let left = try sum()
    if takes("==") { return .binary(.equal, left, try sum()) }
    if takes("!=") { return .binary(.unequal, left, try sum()) }
    if takes(word: "in") { return .binary(.isIn, left, try sum()) }
    if tokens[next] == .name("not"), tokens[next + 1] == .name("in") {
      next += 2
      return .binary(.isNotIn, left, try sum())
    }
    return left
  }

  private mutating func sum() throws(TemplateProblem) -> TemplateExpression {
    var left = try joined()
    while true {
      if takes("+") {
        left = .binary(.plus, left, try joined())
      } else if takes("-") {
        left = .binary(.minus, left, try joined())
      } else {
        return left
      }
    }
  }

  private mutating func joined() throws(TemplateProblem) -> TemplateExpression {
    var left = try signed()
    while takes("~") { left = .binary(.joined, left, try signed()) }
    return left
  }

  private mutating func signed() throws(TemplateProblem) -> TemplateExpression {
    if takes("-") { return .negative(try operand()) }
    return try operand()
  }

  /// An operand with its members, calls, filters and tests.
  private mutating func operand() throws(TemplateProblem) -> TemplateExpression {
    var value = try primary()
    while true {
      if takes(".") {
        guard case .name(let name) = tokens[next] else { throw unexpected() }
        next += 1
        guard tokens[next] == .sign("(") else {
          value = .member(value, name)
          continue
        }
        value = try call(name, on: value, asFilter: false)
      } else if takes("[") {
        value = try element(of: value)
      } else if takes("|") {
        guard case .name(let name) = tokens[next] else { throw unexpected() }
        next += 1
        value = try call(name, on: value, asFilter: true)
      } else if takes(word: "is") {
        let isNegated = takes(word: "not")
        guard case .name(let name) = tokens[next] else { throw unexpected() }
        guard let test = TemplateExpression.Test(rawValue: name) else {
          let known = TemplateExpression.Test.allCases.map(\.rawValue).joined(separator: ", ")
          throw TemplateProblem("the test `is \(name)` isn't supported; use one of \(known)")
        }
        next += 1
        value = isNegated ? .not(.test(value, test)) : .test(value, test)
      } else {
        return value
      }
    }
  }

  private mutating func element(
    of base: TemplateExpression
  ) throws(TemplateProblem) -> TemplateExpression {
    var from: TemplateExpression?
    if tokens[next] != .sign(":") {
      let index = try expression()
      if takes("]") { return .index(base, index) }
      from = index
    }
    try expect(":")
    var to: TemplateExpression?
    if tokens[next] != .sign("]") { to = try expression() }
    try expect("]")
    return .slice(base, from: from, to: to)
  }

  private mutating func call(
    _ name: String, on base: TemplateExpression, asFilter: Bool
  ) throws(TemplateProblem) -> TemplateExpression {
    var arguments: [TemplateExpression] = []
    if takes("(") {
      // The only named argument.
      if name == "map", tokens[next] == .name("attribute"), tokens[next + 1] == .sign("=") {
        next += 2
        arguments.append(try expression())
        try expect(")")
        return .call(.members, base, arguments)
      }
      while !takes(")") {
        if !arguments.isEmpty { try expect(",") }
        arguments.append(try expression())
      }
    }
    return .call(
      try TemplateFunction(name, arguments: arguments.count, asFilter: asFilter), base, arguments)
  }

  private mutating func primary() throws(TemplateProblem) -> TemplateExpression {
    let token = tokens[next]
    switch token {
    case .name(let name):
      next += 1
      switch name {
      case "true", "True": return .constant(true)
      case "false", "False": return .constant(false)
      case "none", "None": return .constant(nil)
      case "if", "else", "and", "or", "not", "in", "is":
        next -= 1
        throw unexpected()
      default: return .field(name)
      }
    case .text(let text):
      next += 1
      return .constant(.string(text))
    case .number(let number):
      next += 1
      return .constant(JSON(number))
    case .sign("("):
      next += 1
      let inner = try expression()
      try expect(")")
      return inner
    case .sign("["):
      next += 1
      var elements: [TemplateExpression] = []
      while !takes("]") {
        if !elements.isEmpty { try expect(",") }
        elements.append(try expression())
      }
      return .list(elements)
    case .sign("{"):
      next += 1
      var pairs: [(key: TemplateExpression, value: TemplateExpression)] = []
      while !takes("}") {
        if !pairs.isEmpty { try expect(",") }
        let key = try expression()
        try expect(":")
        pairs.append((key, try expression()))
      }
      return .mapping(pairs)
    case .end, .sign: throw unexpected()
    }
  }
}
