import Foundation

/// The four Unicode normalization forms, as of Unicode 9.0 like the reference's.
extension Normalizer {
  static func normalize(_ text: inout [UInt8], _ form: Form) {
    // Text below U+0300 is in form C, ASCII is in every form.
    let changing: UInt8 = form == .nfc ? 0xCC : 0x80
    guard text.contains(where: { $0 >= changing }) else { return }
    var normalizing = Normalizing(form: form, changing: changing)
    normalizing.result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (scalar, length) = UTF8Text.scalar(text, index)
      index += length
      // What was assigned later neither changes nor moves nor joins with anything.
      if !UnicodeClasses.isAssigned(scalar, in: 9) {
        normalizing.finishSegment()
        UTF8Text.append(scalar, to: &normalizing.result)
      } else if let decomposition = markDecompositions[scalar] {
        for mark in decomposition { normalizing.append(mark) }
      } else {
        normalizing.append(scalar)
      }
    }
    normalizing.finishSegment()
    text = normalizing.result
  }

  /// Marks that decompose although their own combining class is 0; written out in advance, since
  /// the system's normalization takes them for the start of a new character and doesn't sort what
  /// surrounds them.
  private static let markDecompositions: [UInt32: [UInt32]] = [
    0x344: [0x308, 0x301], 0xF73: [0xF71, 0xF72], 0xF75: [0xF71, 0xF74], 0xF81: [0xF71, 0xF80],
  ]
}

/// Collects stretches of text that the system's normalization can take in one go.
private struct Normalizing {
  let form: Normalizer.Form
  let changing: UInt8
  var result: [UInt8] = []
  private var segment: [UInt8] = []
  /// Combining marks since the last other character, with their classes.
  private var marks: [(combiningClass: UInt8, scalar: UInt32)] = []

  init(form: Normalizer.Form, changing: UInt8) {
    self.form = form
    self.changing = changing
  }

  /// Marks are put into canonical order here, in O(n log n): the system sorts by insertion, which
  /// on a long run of marks would take quadratic time.
  mutating func append(_ scalar: UInt32) {
    if scalar >= 0x300, let properties = Unicode.Scalar(scalar)?.properties,
      properties.canonicalCombiningClass.rawValue != 0
    {
      marks.append((properties.canonicalCombiningClass.rawValue, scalar))
      return
    }
    flushMarks()
    UTF8Text.append(scalar, to: &segment)
  }

  private mutating func flushMarks() {
    if marks.isEmpty { return }
    if marks.count > 1 { marks.sort { $0.combiningClass < $1.combiningClass } }
    for mark in marks { UTF8Text.append(mark.scalar, to: &segment) }
    marks.removeAll(keepingCapacity: true)
  }

  mutating func finishSegment() {
    flushMarks()
    if segment.contains(where: { $0 >= changing }) {
      result += normalized(String(decoding: segment, as: UTF8.self)).utf8
    } else {
      result += segment
    }
    segment.removeAll(keepingCapacity: true)
  }

  private func normalized(_ text: String) -> String {
    switch form {
    case .nfc: text.precomposedStringWithCanonicalMapping
    case .nfd: text.decomposedStringWithCanonicalMapping
    case .nfkc: text.precomposedStringWithCompatibilityMapping
    case .nfkd: text.decomposedStringWithCompatibilityMapping
    }
  }
}
