/// Unicode properties of scalars: the general category and the properties that patterns use, from
/// one table, so that the hand-written splitters and the general pattern matcher can't disagree.
///
/// The properties are those of Unicode 16.0, which the reference implementation's patterns use;
/// scalars assigned later are treated as unassigned. Three of the reference's components use
/// another version, found by querying it for every scalar: numbers are those of the newest Unicode,
/// punctuation is that of 8.0, and normalization that of 9.0.
enum UnicodeClasses {
  /// Flag of whitespace in a scalar's properties.
  static let whitespace: UInt8 = 0x20
  /// Flag of alphabetic scalars in a scalar's properties.
  static let alphabetic: UInt8 = 0x40
  /// Flag of numbers, as of the newest Unicode, in a scalar's properties.
  static let numeric: UInt8 = 0x80
  /// Bits of the general category, an index into `categoryNames`, in a scalar's properties.
  static let categoryMask: UInt8 = 0x1F

  static let categoryNames = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  static let letters = mask("L")
  static let marks = mask("M")
  static let numbers = mask("N")
  static let punctuation = mask("P")

  /// One bit per category whose name starts with `prefix`, such as "L" or "Lu"; 0 if there is none.
  static func mask(_ prefix: String) -> UInt32 {
    var mask: UInt32 = 0
    for (bit, name) in categoryNames.enumerated() where name.hasPrefix(prefix) { mask |= 1 << bit }
    return prefix.isEmpty ? 0 : mask
  }

  /// The end of the scalars assigned in Unicode 16 below the supplementary special-purpose plane.
  private static let tableEnd: UInt32 = 0x32400

  private static let table: [UInt8] = (0..<tableEnd).map(compute)

  /// The general category in the low five bits, then three flags.
  @inline(__always)
  static func properties(_ scalar: UInt32) -> UInt8 {
    scalar < tableEnd ? table[Int(scalar)] : compute(scalar)
  }

  /// Whether the scalar's general category is in `mask`.
  @inline(__always)
  static func isIn(_ mask: UInt32, _ scalar: UInt32) -> Bool {
    mask >> UInt32(properties(scalar) & categoryMask) & 1 != 0
  }

  @inline(__always)
  static func isWhitespace(_ scalar: UInt32) -> Bool { properties(scalar) & whitespace != 0 }

  static func isNumeric(_ scalar: UInt32) -> Bool { properties(scalar) & numeric != 0 }

  /// Membership in `\w` of Unicode Technical Standard 18, annex C: alphabetic, marks, decimal
  /// digits, connector punctuation and the two joiners.
  static func isWord(_ scalar: UInt32) -> Bool {
    isWordWithoutJoiners(scalar) || scalar == 0x200C || scalar == 0x200D
  }

  /// Membership in Oniguruma's `\w`: without the joiners, but with the superscripts and fractions
  /// of Latin-1.
  static func isPatternWord(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE: true
    default: isWordWithoutJoiners(scalar)
    }
  }

  private static func isWordWithoutJoiners(_ scalar: UInt32) -> Bool {
    let properties = properties(scalar)
    if properties & alphabetic != 0 { return true }
    return (wordCategories >> UInt32(properties & categoryMask)) & 1 != 0
  }

  /// Whether the scalar is punctuation as of Unicode 8.0 or an ASCII symbol.
  static func isPunctuation(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    case 0x166D, 0x111C9: true  // reclassified since
    default: isIn(punctuation, scalar) && isAssigned(scalar, in: 8)
    }
  }

  /// Whether the scalar is a mark as of Unicode 9.0.
  static func isMark(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1CF2, 0x1CF3: true  // reclassified since
    case 0x111C9: false
    default: isIn(marks, scalar) && isAssigned(scalar, in: 9)
    }
  }

  /// Whether the scalar was already assigned in Unicode `major`.0.
  static func isAssigned(_ scalar: UInt32, in major: Int) -> Bool {
    guard scalar >= 0x80 else { return true }
    guard let age = Unicode.Scalar(scalar)?.properties.age else { return false }
    return age.major < major || age.major == major && age.minor == 0
  }
  private static let wordCategories = marks | mask("Nd") | mask("Pc")

  private static func compute(_ scalar: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(scalar) else { return category(.surrogate) }
    let properties = scalar.properties
    let isPrivate = properties.generalCategory == .privateUse
    let isNumber =
      switch properties.generalCategory {
      case .decimalNumber, .letterNumber, .otherNumber: numeric
      default: UInt8(0)
      }
    guard let age = properties.age, age.major <= 16 || isPrivate else {
      return category(.unassigned) | isNumber
    }
    return isNumber | category(properties.generalCategory)
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
