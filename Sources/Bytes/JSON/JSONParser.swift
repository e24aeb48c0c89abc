/// A recursive-descent JSON parser over UTF-8 bytes. Every value takes its memory from a budget
/// before it is built.
@safe struct JSONParser {
  /// Upper bounds of the memory of a parsed value's parts, in bytes.
  enum Cost {
    /// A value in its array or object, whose capacity may be twice its count.
    static let value = 2 * MemoryLayout<JSON>.stride
    /// A member's key beside its value, with its share of the hash table.
    static let key = 2 * MemoryLayout<String>.stride + 16
    /// The header of an array, of an object's members or of a string.
    static let allocation = 48
    /// The longest string in UTF-8 that has no allocation.
    static let inlineString = 15
  }

  let bytes: UnsafeBufferPointer<UInt8>
  let file: String?
  let depthLimit: Int
  /// The cursor in bytes.
  var offset = 0
  /// The memory that is left for values.
  var budget: InputBudget

  init(
    bytes: UnsafeBufferPointer<UInt8>, file: String?, depthLimit: Int, budget: InputBudget
  ) {
    unsafe self.bytes = bytes
    self.file = file
    self.depthLimit = depthLimit
    self.budget = budget
  }

  /// Takes memory for a part of a value at the cursor.
  @inline(__always)
  mutating func take(_ bytes: Int) throws(Failure) {
    do {
      try budget.take(bytes)
    } catch { throw error.located(file: file, at: "byte \(offset)") }
  }

  func failure(_ finding: String, at place: Int? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "byte \(place ?? offset)", "JSON: " + finding)
  }

  /// The byte at the cursor; 0 at the end, which is unambiguous because JSON allows no NUL.
  var next: UInt8 {
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
    try take(Cost.value)
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

  func unexpected(_ wanted: String) -> Failure {
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
    try take(Cost.allocation)
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
    try take(Cost.allocation)
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a key") }
      let place = offset
      try take(Cost.key)
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
