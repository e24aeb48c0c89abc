import Foundation

/// The four Unicode normalization forms, as of Unicode 9.0 like the reference's.
extension Normalizer {
  static func normalize(_ text: inout [UInt8], _ form: Form) {
    // Text below U+0300 is in form C, ASCII is in every form.
    let changing: UInt8 = form == .nfc ? 0xCC : 0x80
    guard text.contains(where: { $0 >= changing }) else { return }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var segment: [UInt8] = []
    func finishSegment() {
      if segment.contains(where: { $0 >= changing }) {
        result += normalized(String(decoding: segment, as: UTF8.self), form).utf8
      } else {
        result += segment
      }
      segment.removeAll(keepingCapacity: true)
    }
    var index = 0
    while index < text.count {
      let (scalar, length) = UTF8Text.scalar(text, index)
      let part = index..<index + length
      index += length
      // What was assigned later neither changes nor moves nor joins with anything.
      if !UnicodeClasses.isAssigned(scalar, in: 9) {
        finishSegment()
        result += text[part]
      } else if let decomposition = markDecompositions[scalar] {
        for mark in decomposition { UTF8Text.append(mark, to: &segment) }
      } else {
        segment += text[part]
      }
    }
    finishSegment()
    text = result
  }

  /// Marks that decompose although their own combining class is 0; written out in advance, since the system's
  /// normalization takes them for the start of a new character and doesn't sort what surrounds them.
  private static let markDecompositions: [UInt32: [UInt32]] = [
    0x344: [0x308, 0x301], 0xF73: [0xF71, 0xF72], 0xF75: [0xF71, 0xF74], 0xF81: [0xF71, 0xF80],
  ]

  private static func normalized(_ text: String, _ form: Form) -> String {
    switch form {
    case .nfc: text.precomposedStringWithCanonicalMapping
    case .nfd: text.decomposedStringWithCanonicalMapping
    case .nfkc: text.precomposedStringWithCompatibilityMapping
    case .nfkd: text.decomposedStringWithCompatibilityMapping
    }
  }
}
