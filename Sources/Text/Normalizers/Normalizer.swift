/// A normalization step, which rewrites text before it is split.
enum Normalizer: Sendable {
  enum Form: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"
  }

  case form(Form)
  case lowercase
  case prepend([UInt8])
  case replace(TextPattern, with: [UInt8])
  case strip(left: Bool, right: Bool)
  case stripAccents
  case byteLevel

  /// Rewrites `text`, valid UTF-8; sets `isFirst` to false if its beginning was removed.
  func apply(to text: inout [UInt8], isFirst: inout Bool) {
    switch self {
    case .form(let form): Self.normalize(&text, form)
    case .lowercase: Self.lowercase(&text)
    case .prepend(let prefix): if !text.isEmpty { text.insert(contentsOf: prefix, at: 0) }
    case .replace(let pattern, let content): replace(pattern, content, in: &text, &isFirst)
    case .strip(let left, let right): Self.strip(&text, left, right, &isFirst)
    case .stripAccents: Self.remove(&text, &isFirst, where: UnicodeClasses.isMark)
    case .byteLevel: text = ByteAlphabet.written(text)
    }
  }

  private func replace(
    _ pattern: TextPattern, _ content: [UInt8], in text: inout [UInt8], _ isFirst: inout Bool
  ) {
    var result: [UInt8] = []
    var end = 0
    var found = false
    pattern.matches(text, 0..<text.count) { match in
      result.append(contentsOf: text[end..<match.lowerBound])
      if match.lowerBound == 0, !match.isEmpty, content.isEmpty { isFirst = false }
      result.append(contentsOf: content)
      end = match.upperBound
      found = true
    }
    guard found else { return }
    result.append(contentsOf: text[end...])
    text = result
  }

  /// Lowercases each scalar by itself as the reference does, so a final sigma doesn't become ς.
  private static func lowercase(_ text: inout [UInt8]) {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for value in UTF8Text.scalars(text) {
      if value < 0x80 {
        result.append(UInt8((0x41...0x5A).contains(value) ? value | 0x20 : value))
      } else if let scalar = Unicode.Scalar(value) {
        result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      }
    }
    text = result
  }

  private static func strip(
    _ text: inout [UInt8], _ left: Bool, _ right: Bool, _ isFirst: inout Bool
  ) {
    var start = 0
    var end = text.count
    while left, start < end {
      let (scalar, length) = UTF8Text.scalar(text, start)
      guard UnicodeClasses.isWhitespace(scalar) else { break }
      start += length
    }
    while right, end > start {
      let (scalar, length) = UTF8Text.scalar(text, before: end)
      guard UnicodeClasses.isWhitespace(scalar) else { break }
      end -= length
    }
    if start > 0 { isFirst = false }
    text = Array(text[start..<end])
  }

  private static func remove(
    _ text: inout [UInt8], _ isFirst: inout Bool, where condition: (UInt32) -> Bool
  ) {
    var result: [UInt8] = []
    for (index, scalar) in UTF8Text.scalars(text).enumerated() {
      if !condition(scalar) {
        UTF8Text.append(scalar, to: &result)
      } else if index == 0 {
        isFirst = false
      }
    }
    text = result
  }
}
