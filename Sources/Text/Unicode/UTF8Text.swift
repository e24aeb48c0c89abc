import Bytes

/// Operations on UTF-8 text in byte arrays. The whole module handles text in this form, because
/// Swift's `String` compares by canonical equivalence, but a vocabulary must be compared by bytes.
enum UTF8Text {
  /// The scalar that starts at `index` and its length in bytes (1...4). `text` must be valid UTF-8.
  @inline(__always)
  static func scalar(_ text: [UInt8], _ index: Int) -> (value: UInt32, length: Int) {
    let first = UInt32(text[index])
    if first < 0x80 { return (first, 1) }
    let second = UInt32(text[index + 1]) & 0x3F
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
    let third = UInt32(text[index + 2]) & 0x3F
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
    let fourth = UInt32(text[index + 3]) & 0x3F
    return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, 4)
  }

  /// The scalar that ends before `index` and its length in bytes.
  static func scalar(_ text: [UInt8], before index: Int) -> (value: UInt32, length: Int) {
    var start = index - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return scalar(text, start)
  }

  /// Appends the UTF-8 encoding of `scalar`.
  static func append(_ scalar: UInt32, to text: inout [UInt8]) {
    switch scalar {
    case 0..<0x80: text.append(UInt8(scalar))
    case 0x80..<0x800:
      text.append(0xC0 | UInt8(scalar >> 6))
      text.append(0x80 | UInt8(scalar & 0x3F))
    case 0x800..<0x10000:
      text.append(0xE0 | UInt8(scalar >> 12))
      text.append(0x80 | UInt8(scalar >> 6 & 0x3F))
      text.append(0x80 | UInt8(scalar & 0x3F))
    default:
      text.append(0xF0 | UInt8(scalar >> 18 & 0x07))
      text.append(0x80 | UInt8(scalar >> 12 & 0x3F))
      text.append(0x80 | UInt8(scalar >> 6 & 0x3F))
      text.append(0x80 | UInt8(scalar & 0x3F))
    }
  }

  /// The scalars of `text`, which must be valid UTF-8.
  static func scalars(_ text: [UInt8]) -> [UInt32] {
    var scalars: [UInt32] = []
    scalars.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (value, length) = scalar(text, index)
      scalars.append(value)
      index += length
    }
    return scalars
  }

  /// The offset of the first byte that isn't part of valid UTF-8 (Unicode 16, table 3-7); nil if
  /// the text is valid.
  static func firstInvalid(_ text: [UInt8]) -> Int? {
    var index = 0
    while index < text.count {
      if text[index] < 0x80 {
        index += 1
        continue
      }
      let step = wellFormedLength(text, index)
      if step <= 0 { return index }
      index += step
    }
    return nil
  }

  /// `text` with each maximal subpart of an ill-formed sequence replaced by one U+FFFD, as with
  /// Python's `errors="replace"` and in the Unicode Standard (section 3.9, practice D93b).
  static func repaired(_ text: [UInt8]) -> [UInt8] {
    guard var index = firstInvalid(text) else { return text }
    var result = Array(text[..<index])
    while index < text.count {
      let step = text[index] < 0x80 ? 1 : wellFormedLength(text, index)
      if step > 0 {
        result.append(contentsOf: text[index..<index + step])
        index += step
      } else {
        result.append(contentsOf: [0xEF, 0xBF, 0xBD])
        index += -step
      }
    }
    return result
  }

  /// The length of the well-formed sequence at `index`, or the negated length (1...3) of the
  /// maximal subpart if the sequence is ill-formed.
  private static func wellFormedLength(_ text: [UInt8], _ index: Int) -> Int {
    let first = text[index]
    let length: Int
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xBF
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if first == 0xE0 { lowest = 0xA0 }
      if first == 0xED { highest = 0x9F }
    case 0xF0...0xF4:
      length = 4
      if first == 0xF0 { lowest = 0x90 }
      if first == 0xF4 { highest = 0x8F }
    default: return -1
    }
    for step in 1..<length {
      guard index + step < text.count else { return -step }
      let byte = text[index + step]
      guard byte >= lowest, byte <= highest else { return -step }
      lowest = 0x80
      highest = 0xBF
    }
    return length
  }
}
