import Bytes

/// A position in a GGUF file. Every read is checked against the end of the file, and says what it
/// was reading.
struct GGUFCursor {
  let bytes: ByteSlice
  let file: String
  private(set) var offset = 0

  init(_ bytes: ByteSlice, file: String) {
    self.bytes = bytes
    self.file = file
  }

  var remaining: Int { bytes.count - offset }

  func failure(_ finding: String, at place: Int? = nil) -> Failure {
    Failure(.invalidData, file: file, at: "byte \(place ?? offset)", finding)
  }

  mutating func integer<T: FixedWidthInteger>(
    _ what: String, as type: T.Type = T.self
  ) throws(Failure) -> T {
    guard let value = bytes.integer(at: offset, as: T.self) else {
      throw failure("the file ends inside \(what)")
    }
    offset += MemoryLayout<T>.size
    return value
  }

  /// The next `count` bytes.
  mutating func take(_ count: UInt64, _ what: String) throws(Failure) -> ByteSlice {
    guard count <= UInt64(remaining), let slice = bytes.slice(offset..<offset + Int(count)) else {
      throw failure("\(what) of \(count) bytes, where \(remaining) are left")
    }
    offset += Int(count)
    return slice
  }

  /// A u64 length and that many bytes.
  mutating func string(_ what: String) throws(Failure) -> ByteSlice {
    try take(try integer("the length of \(what)", as: UInt64.self), what)
  }

  /// A number of items that take at least `minimum` bytes each, so that it is bounded by the file's
  /// size, and by `limit` where items cost more in memory than they do in the file.
  mutating func count(
    _ what: String, minimum: Int, limit: Int = .max
  ) throws(Failure) -> Int {
    let place = offset
    let count = try integer("the number of \(what)", as: UInt64.self)
    guard count <= UInt64(limit) else {
      throw failure("\(count) \(what); at most \(limit) are read", at: place)
    }
    guard count <= UInt64(remaining / minimum) else {
      throw failure("\(count) \(what), where \(remaining) bytes are left", at: place)
    }
    return Int(count)
  }
}
