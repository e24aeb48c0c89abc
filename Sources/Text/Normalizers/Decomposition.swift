import Foundation

/// Decompositions and combining classes of single scalars as of Unicode 9.0. Scalars assigned later
/// don't decompose and have class 0.
enum Decomposition {
  /// The full canonical or compatibility decomposition, in canonical order.
  static func of(_ scalar: UInt32, isCompatible: Bool) -> [UInt32] {
    if let syllable = Hangul.decomposed(scalar) { return syllable }
    guard UnicodeClasses.isAssigned(scalar, in: 9), let unicode = Unicode.Scalar(scalar) else {
      return [scalar]
    }
    let text = String(unicode)
    let decomposed =
      isCompatible
      ? text.decomposedStringWithCompatibilityMapping : text.decomposedStringWithCanonicalMapping
    return decomposed.unicodeScalars.map(\.value)
  }

  /// The canonical combining class.
  static func combiningClass(_ scalar: UInt32) -> UInt8 {
    guard scalar >= 0x300, let unicode = Unicode.Scalar(scalar) else { return 0 }
    let combiningClass = unicode.properties.canonicalCombiningClass.rawValue
    return combiningClass == 0 || !UnicodeClasses.isAssigned(scalar, in: 9) ? 0 : combiningClass
  }
}

/// Canonical compositions of two scalars.
enum Composition {
  /// The primary composite of two scalars; nil if there is none.
  static func of(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if second < 0x300 { return nil }
    if let syllable = Hangul.composed(first, second) { return syllable }
    return pairs[UInt64(first) << 32 | UInt64(second)]
  }

  /// A map from `first << 32 | second` to the primary composite, derived from the full
  /// decompositions of all composites: the last scalar is the second part, and the scalars before
  /// it compose to the first part.
  private static let pairs: [UInt64: UInt32] = {
    var pairs: [UInt64: UInt32] = [:]
    // All canonical composites that can recompose are in these blocks; those above U+FB00 never do.
    for range in [UInt32(0xC0)..<0x3100, 0x11080..<0x11A00] {
      for scalar in range where UnicodeClasses.isAssigned(scalar, in: 9) {
        guard let unicode = Unicode.Scalar(scalar) else { continue }
        let parts = Decomposition.of(scalar, isCompatible: false)
        guard parts.count > 1, let last = parts.last else { continue }
        let text = String(unicode).precomposedStringWithCanonicalMapping
        guard text.unicodeScalars.elementsEqual([unicode]) else { continue }
        var front = String.UnicodeScalarView()
        front.append(contentsOf: parts.dropLast().compactMap { Unicode.Scalar($0) })
        let first = String(front).precomposedStringWithCanonicalMapping.unicodeScalars
        guard first.count == 1, let first = first.first else { continue }
        pairs[UInt64(first.value) << 32 | UInt64(last)] = scalar
      }
    }
    return pairs
  }()
}

/// The arithmetic of Hangul syllables (Unicode Standard, section 3.12).
enum Hangul {
  private static let syllables = UInt32(0xAC00)..<0xD7A4
  private static let leading = UInt32(0x1100)..<0x1113
  private static let vowels = UInt32(0x1161)..<0x1176
  private static let trailing = UInt32(0x11A8)..<0x11C3

  static func decomposed(_ scalar: UInt32) -> [UInt32]? {
    guard syllables.contains(scalar) else { return nil }
    let index = scalar - syllables.lowerBound
    let parts = [leading.lowerBound + index / 588, vowels.lowerBound + index % 588 / 28]
    return index % 28 == 0 ? parts : parts + [trailing.lowerBound - 1 + index % 28]
  }

  static func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if leading.contains(first), vowels.contains(second) {
      let index = (first - leading.lowerBound) * 21 + (second - vowels.lowerBound)
      return syllables.lowerBound + index * 28
    }
    guard syllables.contains(first), (first - syllables.lowerBound) % 28 == 0,
      trailing.contains(second)
    else { return nil }
    return first + second - trailing.lowerBound + 1
  }
}
