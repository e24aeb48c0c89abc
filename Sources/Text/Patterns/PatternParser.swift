import Bytes

/// A recursive-descent parser of patterns, with recursion bounded by `depthLimit`.
struct PatternParser {
  let source: String
  private let scalars: [UInt32]
  private var index = 0
  private var ignoresCase = false
  private static let depthLimit = 32
  private static let repeatLimit = 64

  init(_ source: String) {
    self.source = source
    scalars = source.unicodeScalars.map(\.value)
  }

  func failure(_ finding: String) -> Failure {
    Failure(.invalidData, "the pattern \"\(source)\", character \(index + 1): \(finding)")
  }

  private var next: Unicode.Scalar? {
    index < scalars.count ? Unicode.Scalar(scalars[index]) : nil
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    index += 1
    return true
  }

  private mutating func take(text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard index + wanted.count <= scalars.count,
      scalars[index..<index + wanted.count].elementsEqual(wanted)
    else { return false }
    index += wanted.count
    return true
  }

  /// Parses the whole pattern.
  mutating func whole() throws(Failure) -> PatternNode {
    let node = try alternatives(depth: 0)
    if next != nil { throw failure("')' without '('") }
    return node
  }

  private mutating func alternatives(depth: Int) throws(Failure) -> PatternNode {
    guard depth < Self.depthLimit else { throw failure("groups nested deeper than 32") }
    var branches = [try sequence(depth: depth)]
    while take("|") { branches.append(try sequence(depth: depth)) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence(depth: Int) throws(Failure) -> PatternNode {
    var nodes: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let atom = try atom(depth: depth)
      nodes.append(try repeats(of: atom))
    }
    return .sequence(nodes)
  }

  private mutating func atom(depth: Int) throws(Failure) -> PatternNode {
    guard let scalar = next else { throw failure("the pattern ends too early") }
    index += 1
    switch scalar {
    case "(": return try group(depth: depth)
    case "[": return .set(try bracketed())
    case ".": return .set(ScalarSet([.range(0x0A...0x0A)], negated: true))
    case "^": return .assertion(.lineStart)
    case "$": return .assertion(.lineEnd)
    case "*", "+", "?": throw failure("nothing to repeat")
    case "\\":
      if take("A") { return .assertion(.textStart) }
      if take("z") { return .assertion(.textEnd) }
      return .set(try cased([try escape()]))
    default: return .set(try cased([.range(scalar.value...scalar.value)]))
    }
  }

  private func cased(_ items: [ScalarSet.Item], negated: Bool = false) throws(Failure) -> ScalarSet
  {
    let set = ScalarSet(items, negated: negated)
    guard ignoresCase else { return set }
    for case .range(let range) in items where range.upperBound >= 0x80 {
      throw failure("ignoring case beyond ASCII isn't supported")
    }
    return set.ignoringCase()
  }

  private mutating func group(depth: Int) throws(Failure) -> PatternNode {
    let outer = ignoresCase
    var negatedLookahead: Bool?
    if take("?") {
      if take(":") {
      } else if take(text: "i:") {
        ignoresCase = true
      } else if take("=") {
        negatedLookahead = false
      } else if take("!") {
        negatedLookahead = true
      } else {
        throw failure("this kind of group isn't supported")
      }
    }
    let body = try alternatives(depth: depth + 1)
    ignoresCase = outer
    guard take(")") else { throw failure("'(' without ')'") }
    guard let negatedLookahead else { return body }
    guard let set = body.singleSet else {
      throw failure("lookahead is supported for one character only")
    }
    return .lookahead(set, negated: negatedLookahead)
  }

  private mutating func repeats(of atom: PatternNode) throws(Failure) -> PatternNode {
    var node = atom
    while let (least, most) = try quantifier() {
      let greedy = !take("?")
      if next == "+" { throw failure("possessive repeats aren't supported") }
      if most == nil, node.canBeEmpty {
        throw failure("an unlimited repeat of something that may be empty")
      }
      node = .repeated(node, least: least, most: most, greedy: greedy)
    }
    return node
  }

  private mutating func quantifier() throws(Failure) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard take("{") else { return nil }
    guard let least = number() else { throw failure("'{' that isn't a repeat") }
    var most: Int? = least
    if take(",") { most = next == "}" ? nil : number() ?? -1 }
    guard take("}"), least <= most ?? least, most ?? least <= Self.repeatLimit else {
      throw failure("a repeat that isn't {m}, {m,} or {m,n} up to \(Self.repeatLimit)")
    }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = next, ("0"..."9").contains(digit) {
      value = min((value ?? 0) * 10 + Int(digit.value - 0x30), 1_000_000)
      index += 1
    }
    return value
  }

  /// Parses the inside of `[…]`.
  private mutating func bracketed() throws(Failure) -> ScalarSet {
    let negated = take("^")
    var items: [ScalarSet.Item] = []
    while true {
      guard let scalar = next else { throw failure("'[' without ']'") }
      index += 1
      switch scalar {
      case "]":
        if items.isEmpty { throw failure("an empty class") }
        return try cased(items, negated: negated)
      case "[": throw failure("a class inside a class isn't supported")
      case "&" where next == "&": throw failure("intersections of classes aren't supported")
      default:
        var item = ScalarSet.Item.range(scalar.value...scalar.value)
        if scalar == "\\" { item = try escape() }
        items.append(try ranged(item))
      }
    }
  }

  /// Parses the rest of a range that starts with `item`; returns `item` if there is none.
  private mutating func ranged(_ item: ScalarSet.Item) throws(Failure) -> ScalarSet.Item {
    guard case .range(let low) = item, next == "-", index + 1 < scalars.count,
      scalars[index + 1] != 0x5D
    else { return item }
    index += 1
    guard let scalar = next else { throw failure("'[' without ']'") }
    index += 1
    var end = ScalarSet.Item.range(scalar.value...scalar.value)
    if scalar == "\\" { end = try escape() }
    guard case .range(let high) = end, low.lowerBound <= high.lowerBound else {
      throw failure("a range that doesn't ascend")
    }
    return .range(low.lowerBound...high.lowerBound)
  }

  /// Parses an escape after its backslash.
  private mutating func escape() throws(Failure) -> ScalarSet.Item {
    guard let scalar = next else { throw failure("a backslash at the end") }
    index += 1
    func literal(_ value: UInt32) -> ScalarSet.Item { .range(value...value) }
    switch scalar {
    case "s": return .whitespace(negated: false)
    case "S": return .whitespace(negated: true)
    case "w": return .word(negated: false)
    case "W": return .word(negated: true)
    case "d": return .categories(UnicodeClasses.mask("Nd"), negated: false)
    case "D": return .categories(UnicodeClasses.mask("Nd"), negated: true)
    case "p", "P": return try property(negated: scalar == "P")
    case "n": return literal(0x0A)
    case "r": return literal(0x0D)
    case "t": return literal(0x09)
    case "f": return literal(0x0C)
    case "v": return literal(0x0B)
    case "x", "u": return try codePoint(scalar)
    default:
      guard !UnicodeClasses.isWord(scalar.value) else {
        throw failure("the escape \\\(scalar) isn't supported")
      }
      return literal(scalar.value)
    }
  }

  /// Parses a property such as `\p{L}` or `\p{^Lu}`; only general categories are supported.
  private mutating func property(negated: Bool) throws(Failure) -> ScalarSet.Item {
    guard take("{") else { throw failure("\\p without '{'") }
    let complement = take("^")
    var name = ""
    while let scalar = next, scalar != "}", name.unicodeScalars.count < 32 {
      name.unicodeScalars.append(scalar)
      index += 1
    }
    let mask = UnicodeClasses.mask(name)
    guard take("}"), mask != 0, name.utf8.count <= 2 else {
      throw failure("the property \\p{\(name)} isn't supported")
    }
    return .categories(mask, negated: negated != complement)
  }

  /// Parses a code point: `\xHH`, `\x{H…}` or `\uHHHH`.
  private mutating func codePoint(_ letter: Unicode.Scalar) throws(Failure) -> ScalarSet.Item {
    let braced = letter == "x" && take("{")
    let most = braced ? 6 : letter == "x" ? 2 : 4
    var value: UInt32 = 0
    var digits = 0
    while digits < most, let scalar = next, scalar.properties.isASCIIHexDigit {
      value = value << 4 | (UInt32(String(scalar), radix: 16) ?? 0)
      digits += 1
      index += 1
    }
    let complete = braced ? digits > 0 && take("}") : digits == most
    guard complete, Unicode.Scalar(value) != nil else { throw failure("not a code point") }
    // In Oniguruma, \x80...\xFF are raw bytes, which can't match valid UTF-8.
    if letter == "x", !braced, value >= 0x80 { throw failure("raw bytes aren't supported") }
    return .range(value...value)
  }
}

extension PatternNode {
  /// The set of a node that matches exactly one character; nil for other nodes.
  fileprivate var singleSet: ScalarSet? {
    switch self {
    case .set(let set): set
    case .sequence(let nodes): nodes.count == 1 ? nodes[0].singleSet : nil
    default: nil
    }
  }
}
