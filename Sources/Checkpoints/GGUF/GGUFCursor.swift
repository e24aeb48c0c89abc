import Bytes

/// A read position in a GGUF file. Every read is checked against the end of the file, and failures
/// name the field that was being read.
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

  /// Reads the next `count` bytes.
  mutating func take(_ count: UInt64, _ what: String) throws(Failure) -> ByteSlice {
    guard count <= UInt64(remaining), let slice = bytes.slice(offset..<offset + Int(count)) else {
      throw failure("\(what) takes \(count) bytes, but only \(remaining) are left")
    }
    offset += Int(count)
    return slice
  }

  /// Reads a u64 length, then that many bytes.
  mutating func string(_ what: String) throws(Failure) -> ByteSlice {
    try take(try integer("the length of \(what)", as: UInt64.self), what)
  }

  /// Reads a number of items of at least `minimum` bytes each, so that the file's size bounds it.
  /// `limit` bounds items that take more space in memory than in the file.
  mutating func count(
    _ what: String, minimum: Int, limit: Int = .max
  ) throws(Failure) -> Int {
    let place = offset
    let count = try integer("the number of \(what)", as: UInt64.self)
    guard count <= UInt64(limit) else {
      throw failure("the file has \(count) \(what); at most \(limit) are supported", at: place)
    }
    guard count <= UInt64(remaining / minimum) else {
      throw failure("\(count) \(what) don't fit in the remaining \(remaining) bytes", at: place)
    }
    return Int(count)
  }
}
