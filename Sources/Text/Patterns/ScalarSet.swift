/// A pattern's set of scalars: a union of ranges, general categories, `\s`, `\w` and their
/// complements.
struct ScalarSet: Sendable, Equatable {
  enum Item: Sendable, Equatable {
    case range(ClosedRange<UInt32>)
    case categories(UInt32, negated: Bool)
    case whitespace(negated: Bool)
    case word(negated: Bool)

    func contains(_ scalar: UInt32) -> Bool {
      switch self {
      case .range(let range): range.contains(scalar)
      case .categories(let mask, let negated): UnicodeClasses.isIn(mask, scalar) != negated
      case .whitespace(let negated): UnicodeClasses.isWhitespace(scalar) != negated
      case .word(let negated): UnicodeClasses.isPatternWord(scalar) != negated
      }
    }
  }

  let items: [Item]
  let negated: Bool
  /// Membership of the ASCII scalars, one bit each.
  private let ascii: (UInt64, UInt64)

  init(_ items: [Item], negated: Bool = false) {
    self.items = items
    self.negated = negated
    var bits: (UInt64, UInt64) = (0, 0)
    for scalar in UInt32(0)..<128 where Self.contains(items, negated, scalar) {
      if scalar < 64 { bits.0 |= 1 << UInt64(scalar) } else { bits.1 |= 1 << UInt64(scalar - 64) }
    }
    ascii = bits
  }

  static func == (a: ScalarSet, b: ScalarSet) -> Bool {
    a.items == b.items && a.negated == b.negated
  }

  private static func contains(_ items: [Item], _ negated: Bool, _ scalar: UInt32) -> Bool {
    for item in items where item.contains(scalar) { return !negated }
    return negated
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return ascii.0 >> UInt64(scalar) & 1 != 0 }
    if scalar < 128 { return ascii.1 >> UInt64(scalar - 64) & 1 != 0 }
    return Self.contains(items, negated, scalar)
  }

  /// The set extended by the other case of its ASCII letters and by the two scalars beyond ASCII
  /// that fold to one: U+017F (s) and U+212A (k).
  func ignoringCase() -> ScalarSet {
    var more = items
    for letter in UInt32(0x61)...0x7A {
      let upper = letter - 0x20
      guard Self.contains(items, false, letter) || Self.contains(items, false, upper) else {
        continue
      }
      more.append(.range(letter...letter))
      more.append(.range(upper...upper))
      if letter == 0x73 { more.append(.range(0x17F...0x17F)) }
      if letter == 0x6B { more.append(.range(0x212A...0x212A)) }
    }
    return ScalarSet(more, negated: negated)
  }
}
