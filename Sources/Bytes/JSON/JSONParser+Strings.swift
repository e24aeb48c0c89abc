/// Parsing of strings: one pass to the closing quote; only strings with escapes are copied twice.
extension JSONParser {
  mutating func string() throws(Failure) -> String {
    let start = offset + 1
    offset = start
    while unsafe offset < bytes.count {
      let byte = unsafe bytes[offset]
      if byte == UInt8(ascii: "\"") {
        let text = unsafe UnsafeBufferPointer(rebasing: bytes[start..<offset])
        try takeString(offset - start)
        guard let string = unsafe String(validating: text, as: UTF8.self) else {
          throw failure("a string that isn't valid UTF-8", at: start)
        }
        offset += 1
        return string
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw failure("a control character inside a string") }
      offset += 1
    }
    throw failure("a string that doesn't end", at: start - 1)
  }

  /// Takes the memory of a string of `count` bytes, beside what its value takes.
  @inline(__always)
  private mutating func takeString(_ count: Int) throws(Failure) {
    if count > Cost.inlineString { try take(Cost.allocation + count) }
  }

  private mutating func escapedString(from start: Int) throws(Failure) -> String {
    var text = unsafe Array(bytes[start..<offset])
    while unsafe offset < bytes.count {
      let byte = unsafe bytes[offset]
      if byte == UInt8(ascii: "\"") {
        try takeString(text.count)
        guard let string = String(validating: text, as: UTF8.self) else {
          throw failure("a string that isn't valid UTF-8", at: start)
        }
        offset += 1
        return string
      }
      if byte < 0x20 { throw failure("a control character inside a string") }
      offset += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
    throw failure("a string that doesn't end", at: start - 1)
  }

  private mutating func escape(into text: inout [UInt8]) throws(Failure) {
    let place = offset - 1
    let letter = next
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(place)
      if (0xD800..<0xDC00).contains(code), next == UInt8(ascii: "\\") {
        offset += 1
        guard next == UInt8(ascii: "u") else { throw failure("a lone surrogate", at: place) }
        offset += 1
        let second = try hexadecimal(place)
        guard (0xDC00..<0xE000).contains(second) else {
          throw failure("a lone surrogate", at: place)
        }
        code = 0x10000 + (code - 0xD800) << 10 + (second - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a lone surrogate", at: place) }
      text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw failure("an unknown escape", at: place)
    }
  }

  private mutating func hexadecimal(_ place: Int) throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      let digit = next
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(digit - 0x30)
      case UInt8(ascii: "a")...UInt8(ascii: "f"): code = code << 4 | UInt32(digit - 0x61 + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): code = code << 4 | UInt32(digit - 0x41 + 10)
      default: throw failure("an escape without four hexadecimal digits", at: place)
      }
      offset += 1
    }
    return code
  }
}
