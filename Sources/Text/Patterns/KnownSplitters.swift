/// Hand-written splitters for the patterns of widely used vocabularies. Each gives the same matches
/// as its pattern in the general matcher, only faster; the tests compare the two.
package enum KnownSplitter: Sendable, CaseIterable {
  case gpt2
  case llama3
  case qwen2

  /// The pattern's text in a tokenizer.json.
  package var pattern: String {
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    return switch self {
    case .gpt2:
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .llama3: contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"# + rest
    case .qwen2: contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + rest
    }
  }

  init?(pattern: String) {
    guard let known = Self.allCases.first(where: { $0.pattern == pattern }) else { return nil }
    self = known
  }

  /// The end of the match that starts at `start`. Matches cover every text without gaps.
  @inline(__always)
  func end(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int {
    switch self {
    case .gpt2: Self.gpt2End(text, start, limit)
    case .llama3: Self.llamaEnd(text, start, limit, digits: 3)
    case .qwen2: Self.llamaEnd(text, start, limit, digits: 1)
    }
  }

  private static let letter: UInt8 = 1
  private static let number: UInt8 = 2
  private static let space: UInt8 = 3
  private static let other: UInt8 = 0

  /// The kind of the character at `index`, as the patterns distinguish them, and its length in
  /// bytes.
  @inline(__always)
  private static func kind(_ text: [UInt8], _ index: Int) -> (kind: UInt8, length: Int) {
    let byte = text[index]
    if byte < 0x80 {
      switch byte {
      case 0x61...0x7A, 0x41...0x5A: return (letter, 1)
      case 0x20, 0x09...0x0D: return (space, 1)
      case 0x30...0x39: return (number, 1)
      default: return (other, 1)
      }
    }
    let (scalar, length) = UTF8Text.scalar(text, index)
    let properties = UnicodeClasses.properties(scalar)
    let category = UInt32(properties & UnicodeClasses.categoryMask)
    if UnicodeClasses.letters >> category & 1 != 0 { return (letter, length) }
    if UnicodeClasses.numbers >> category & 1 != 0 { return (number, length) }
    return (properties & UnicodeClasses.whitespace != 0 ? space : other, length)
  }

  /// The end of the run of `wanted` characters from `start`, which has at most `most` scalars.
  @inline(__always)
  private static func run(
    _ text: [UInt8], _ start: Int, _ limit: Int, _ wanted: UInt8, most: Int = .max
  ) -> Int {
    var index = start
    var left = most
    while index < limit, left > 0 {
      let (kind, length) = kind(text, index)
      if kind != wanted { break }
      index += length
      left -= 1
    }
    return index
  }

  private static func gpt2End(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int {
    let first = text[start]
    if first == 0x27, let end = contraction(text, start, limit, anyCase: false) { return end }
    var body = start
    if first == 0x20 { body += 1 }
    if body < limit {
      let (kind, length) = kind(text, body)
      if kind != space { return run(text, body + length, limit, kind) }
    }
    return whitespaceEnd(text, start, limit)
  }

  private static func llamaEnd(_ text: [UInt8], _ start: Int, _ limit: Int, digits: Int) -> Int {
    let first = text[start]
    if first == 0x27, let end = contraction(text, start, limit, anyCase: true) { return end }
    let (firstKind, length) = kind(text, start)
    if firstKind == letter { return run(text, start + length, limit, letter) }
    if firstKind == number { return run(text, start, limit, number, most: digits) }
    let second = start + length
    if first != 0x0D, first != 0x0A, second < limit, kind(text, second).kind == letter {
      return run(text, second, limit, letter)
    }
    var body = start
    if first == 0x20 { body += 1 }
    if body < limit, kind(text, body).kind == other {
      var end = run(text, body, limit, other)
      while end < limit, text[end] == 0x0D || text[end] == 0x0A { end += 1 }
      return end
    }
    // Whitespace: up to and including its last line break, if it has one.
    let end = run(text, start, limit, space)
    var index = end
    while index > start {
      if text[index - 1] == 0x0A || text[index - 1] == 0x0D { return index }
      index -= 1
    }
    return whitespaceEnd(text, start, limit)
  }

  /// The end of `\s+(?!\S)|\s+`: a run of whitespace, less its last scalar if other text follows.
  private static func whitespaceEnd(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int {
    let end = run(text, start, limit, space)
    if end == limit { return end }
    let shorter = end - UTF8Text.scalar(text, before: end).length
    return shorter > start ? shorter : end
  }

  /// The end of `'s|'t|'re|'ve|'m|'ll|'d`; nil if there is no match. With `anyCase`, `'s` also
  /// matches U+017F, which folds to s.
  private static func contraction(
    _ text: [UInt8], _ start: Int, _ limit: Int, anyCase: Bool
  ) -> Int? {
    func letter(_ index: Int) -> UInt8 {
      guard index < limit else { return 0 }
      let byte = text[index]
      return anyCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    let first = letter(start + 1)
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    case 0xC5: return anyCase && letter(start + 2) == 0xBF ? start + 3 : nil
    default: return nil
    }
  }
}
