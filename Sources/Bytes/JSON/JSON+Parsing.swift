/// A strict reader after RFC 8259: what other readers shrug at (duplicate keys, lone surrogates,
/// text after the value, numbers beyond a double) is refused here, with the byte offset.
extension JSON {
  /// Throws `invalidData` with the offset of the first byte that isn't what JSON allows.
  /// `depthLimit` is how many arrays and objects may be open at once.
  public init(parsing text: ByteSlice, file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    self = try unsafe text.withUnsafeBytes { (buffer) throws(Failure) in
      try unsafe Self.parse(buffer, file, depthLimit)
    }
  }

  public init(parsing text: [UInt8], file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    self = try unsafe text.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try unsafe Self.parse(UnsafeRawBufferPointer(buffer), file, depthLimit)
    }
  }

  public init(parsing text: String, file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    try self.init(parsing: Array(text.utf8), file: file, depthLimit: depthLimit)
  }

  private static func parse(
    _ buffer: UnsafeRawBufferPointer, _ file: String?, _ depthLimit: Int
  ) throws(Failure) -> JSON {
    var parser = unsafe JSONParser(
      bytes: UnsafeBufferPointer(
        start: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), count: buffer.count),
      file: file, depthLimit: depthLimit)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.offset < buffer.count { throw parser.failure("text after the end of the value") }
    return value
  }
}

@safe private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let file: String?
  let depthLimit: Int
  var offset = 0

  init(bytes: UnsafeBufferPointer<UInt8>, file: String?, depthLimit: Int) {
    unsafe self.bytes = bytes
    self.file = file
    self.depthLimit = depthLimit
  }

  func failure(_ finding: String, at place: Int? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "byte \(place ?? offset)", "JSON: " + finding)
  }

  /// The byte at the cursor, 0 at the end (a NUL is nowhere allowed, so nothing is confused).
  private var next: UInt8 {
    unsafe offset < bytes.count ? bytes[offset] : 0
  }

  mutating func skipSpace() {
    while unsafe offset < bytes.count {
      switch unsafe bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  mutating func value(depth: Int) throws(Failure) -> JSON {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw unexpected("a value")
    }
  }

  private func unexpected(_ wanted: String) -> Failure {
    guard unsafe offset < bytes.count else {
      return failure("the text ends where \(wanted) should be")
    }
    let byte = unsafe bytes[offset]
    let shown =
      (0x21...0x7E).contains(byte)
      ? "'\(Unicode.Scalar(byte))'" : "byte 0x\(Hexadecimal.encode([byte]))"
    return failure("\(shown) where \(wanted) should be")
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(Failure) -> JSON {
    let count = text.utf8CodeUnitCount
    guard unsafe bytes.count - offset >= count else { throw unexpected("a value") }
    for i in 0..<count where unsafe bytes[offset + i] != text.utf8Start[i] {
      throw unexpected("a value")
    }
    offset += count
    return value
  }

  private mutating func enter(_ depth: Int) throws(Failure) {
    guard depth < depthLimit else { throw failure("nested deeper than \(depthLimit)") }
    offset += 1
    skipSpace()
  }

  private mutating func array(depth: Int) throws(Failure) -> JSON {
    try enter(depth)
    var values: [JSON] = []
    if next == UInt8(ascii: "]") {
      offset += 1
      return .array(values)
    }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"):
        offset += 1
        return .array(values)
      default: throw unexpected("',' or ']'")
      }
    }
  }

  private mutating func object(depth: Int) throws(Failure) -> JSON {
    try enter(depth)
    var members = JSONObject()
    if next == UInt8(ascii: "}") {
      offset += 1
      return .object(members)
    }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a key") }
      let place = offset
      let key = try string()
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw unexpected("':'") }
      offset += 1
      guard members.appendIfAbsent(key, try value(depth: depth + 1)) else {
        throw failure("the key \"\(key)\" appears twice in one object", at: place)
      }
      skipSpace()
      switch next {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "}"):
        offset += 1
        return .object(members)
      default: throw unexpected("',' or '}'")
      }
    }
  }
}

/// Strings: one pass to the closing quote; only strings with escapes are rebuilt.
extension JSONParser {
  fileprivate mutating func string() throws(Failure) -> String {
    let start = offset + 1
    offset = start
    while unsafe offset < bytes.count {
      let byte = unsafe bytes[offset]
      if byte == UInt8(ascii: "\"") {
        let text = unsafe UnsafeBufferPointer(rebasing: bytes[start..<offset])
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

  private mutating func escapedString(from start: Int) throws(Failure) -> String {
    var text = unsafe Array(bytes[start..<offset])
    while unsafe offset < bytes.count {
      let byte = unsafe bytes[offset]
      if byte == UInt8(ascii: "\"") {
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

extension JSONParser {
  fileprivate mutating func number() throws(Failure) -> JSON {
    let start = offset
    var isInteger = true
    let negative = next == UInt8(ascii: "-")
    if negative { offset += 1 }
    if next == UInt8(ascii: "0") {
      offset += 1
    } else {
      try digits()
    }
    if next == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      offset += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
      try digits()
    }
    if isInteger, let value = integer(start, negative) { return .integer(value) }
    let text = unsafe String(decoding: bytes[start..<offset], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw failure("a number beyond the range of a double", at: start)
    }
    return .number(value)
  }

  private mutating func digits() throws(Failure) {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) else {
      throw unexpected("a digit")
    }
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { offset += 1 }
  }

  /// nil where 64 bits don't hold it, or for "-0", which only a double can tell from 0.
  private func integer(_ start: Int, _ negative: Bool) -> Int64? {
    var value: Int64 = 0
    for at in (start + (negative ? 1 : 0))..<offset {
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let digit = unsafe Int64(bytes[at] - 0x30)
      let (sum, overflowedToo) =
        negative
        ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      if overflowed || overflowedToo { return nil }
      value = sum
    }
    return negative && value == 0 ? nil : value
  }
}
