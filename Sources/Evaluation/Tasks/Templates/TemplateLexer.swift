/// The tokens of an expression in a template.
enum TemplateToken: Equatable {
  case name(String)
  case text(String)
  case number(Int)
  /// An operator or a bracket.
  case sign(String)
  /// The closing braces.
  case end
}

/// A reader of an expression's tokens up to its closing braces.
struct TemplateLexer {
  private let scalars: [Unicode.Scalar]
  private(set) var index: Int
  /// Braces of mappings that are open.
  private var open = 0
  /// The most tokens of an expression. Chains such as `a + b + c` nest as deeply as they are long, and
  /// values are computed recursively.
  static let limit = 1000

  init(_ scalars: [Unicode.Scalar], from index: Int) {
    self.scalars = scalars
    self.index = index
  }

  static func startsName(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  static func continuesName(_ scalar: Unicode.Scalar) -> Bool {
    startsName(scalar) || ("0"..."9").contains(scalar)
  }

  private func scalar(_ offset: Int = 0) -> Unicode.Scalar? {
    index + offset < scalars.count ? scalars[index + offset] : nil
  }

  /// Reads all tokens; `index` is after the closing braces then.
  mutating func tokens() throws(TemplateProblem) -> [TemplateToken] {
    var tokens: [TemplateToken] = []
    while true {
      let token = try next()
      tokens.append(token)
      if token == .end { return tokens }
      guard tokens.count < Self.limit else {
        throw TemplateProblem("an expression has more than \(Self.limit) names, texts and signs")
      }
    }
  }

  private mutating func next() throws(TemplateProblem) -> TemplateToken {
    while let space = scalar(), [" ", "\t", "\n", "\r"].contains(space) { index += 1 }
    guard let first = scalar() else { throw TemplateProblem("`{{` without `}}`") }
    if Self.startsName(first) { return .name(run(Self.continuesName)) }
    if ("0"..."9").contains(first) {
      let digits = run { ("0"..."9").contains($0) }
      guard let number = Int(digits) else {
        throw TemplateProblem("the number \(digits) is too large")
      }
      if scalar() == "." { throw TemplateProblem("numbers with a fraction aren't supported") }
      return .number(number)
    }
    if first == "'" || first == "\"" { return .text(try quoted(first)) }
    if first == "}", open == 0 {
      guard scalar(1) == "}" else { throw TemplateProblem("`}` without `{`") }
      index += 2
      return .end
    }
    for sign in ["==", "!="] where first == sign.unicodeScalars.first && scalar(1) == "=" {
      index += 2
      return .sign(sign)
    }
    guard "()[]{},:.|~+-=".unicodeScalars.contains(first) else {
      throw TemplateProblem("`\(first)` isn't supported in an expression")
    }
    if first == "{" { open += 1 }
    if first == "}" { open -= 1 }
    index += 1
    return .sign(String(first))
  }

  private mutating func run(_ isPart: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let next = scalar(), isPart(next) {
      text.append(next)
      index += 1
    }
    return String(text)
  }

  private mutating func quoted(_ quote: Unicode.Scalar) throws(TemplateProblem) -> String {
    var text = String.UnicodeScalarView()
    index += 1
    while let next = scalar() {
      index += 1
      if next == quote { return String(text) }
      guard next == "\\" else {
        text.append(next)
        continue
      }
      guard let escaped = scalar() else { break }
      index += 1
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "\\", "'", "\"": text.append(escaped)
      default: throw TemplateProblem("the escape `\\\(escaped)` isn't supported")
      }
    }
    throw TemplateProblem("a quotation mark isn't closed")
  }
}
