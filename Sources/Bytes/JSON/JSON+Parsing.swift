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

  /// Reads the one value that `text`, in UTF-8, consists of.
  /// - Throws: `invalidData` with the offset of the first fault.
  public init(parsing text: [UInt8], file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    self = try unsafe text.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try unsafe Self.parse(UnsafeRawBufferPointer(buffer), file, depthLimit)
    }
  }

  /// Reads the one value that `text` consists of.
  /// - Throws: `invalidData` with the offset of the first fault.
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
