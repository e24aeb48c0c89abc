/// What a scalar is: its general category and the properties that patterns ask for, from one table
/// so that the hand-written splitters and the general pattern matcher can't disagree.
///
/// The properties are those of Unicode 16.0, which the reference implementation uses; scalars that
/// were assigned later count as unassigned.
enum UnicodeClasses {
  /// Category in the low five bits (the order of `categoryNames`), then two flags.
  static let whitespace: UInt8 = 0x20
  static let alphabetic: UInt8 = 0x40
  static let categoryMask: UInt8 = 0x1F

  static let categoryNames = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  static let letters = mask("L")
  static let marks = mask("M")
  static let numbers = mask("N")
  static let punctuation = mask("P")

  /// One bit per category whose name starts with `prefix`: "L" or "Lu". 0 where there is none.
  static func mask(_ prefix: String) -> UInt32 {
    var mask: UInt32 = 0
    for (bit, name) in categoryNames.enumerated() where name.hasPrefix(prefix) { mask |= 1 << bit }
    return prefix.isEmpty ? 0 : mask
  }

  /// Everything assigned up to Unicode 16 below the supplementary special-purpose plane ends here.
  private static let tableEnd: UInt32 = 0x32400

  private static let table: [UInt8] = (0..<tableEnd).map(compute)

  @inline(__always)
  static func properties(_ scalar: UInt32) -> UInt8 {
    scalar < tableEnd ? table[Int(scalar)] : compute(scalar)
  }

  @inline(__always)
  static func isIn(_ mask: UInt32, _ scalar: UInt32) -> Bool {
    mask >> UInt32(properties(scalar) & categoryMask) & 1 != 0
  }

  @inline(__always)
  static func isWhitespace(_ scalar: UInt32) -> Bool { properties(scalar) & whitespace != 0 }

  /// `\w`: alphabetic, marks, decimal digits, connector punctuation, and the two joiners
  /// (Unicode Technical Standard 18, annex C).
  static func isWord(_ scalar: UInt32) -> Bool {
    let properties = properties(scalar)
    if properties & alphabetic != 0 { return true }
    return (wordCategories >> UInt32(properties & categoryMask)) & 1 != 0
  }
  private static let wordCategories = marks | mask("Nd") | mask("Pc")

  private static func compute(_ scalar: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(scalar) else { return category(.surrogate) }
    let properties = scalar.properties
    let isPrivate = properties.generalCategory == .privateUse
    guard let age = properties.age, age.major <= 16 || isPrivate else {
      return category(.unassigned)
    }
    return category(properties.generalCategory)
      | (properties.isWhitespace ? whitespace : 0)
      | (properties.isAlphabetic ? alphabetic : 0)
  }

  private static func category(_ category: Unicode.GeneralCategory) -> UInt8 {
    switch category {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    default: 29
    }
  }
}
