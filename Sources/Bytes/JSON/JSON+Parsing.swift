/// A strict RFC 8259 parser. It rejects, with the byte offset, what many parsers accept: duplicate
/// keys, lone surrogates, text after the value, and numbers beyond a double's range.
extension JSON {
  /// Parses `text`.
  ///
  /// - Parameters:
  ///   - file: the file to name in errors.
  ///   - depthLimit: the deepest nesting of arrays and objects.
  /// - Throws: `invalidData` with the offset of the first invalid byte, or of the value that
  ///   exceeds the budget of a text of this size.
  public init(parsing text: ByteSlice, file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    var budget = InputBudget(text: text.count)
    try self.init(parsing: text, file: file, depthLimit: depthLimit, budget: &budget)
  }

  /// Parses `text`, whose values take their memory from `budget`.
  ///
  /// - Throws: `invalidData` with the offset of the first invalid byte, or of the value that
  ///   exceeds the budget.
  public init(
    parsing text: ByteSlice, file: String? = nil, depthLimit: Int = 128,
    budget: inout InputBudget
  ) throws(Failure) {
    self = try unsafe text.withUnsafeBytes { (buffer) throws(Failure) in
      try unsafe Self.parse(buffer, file, depthLimit, &budget)
    }
  }

  /// Parses `text`, which is in UTF-8.
  ///
  /// - Throws: `invalidData` with the offset of the first invalid byte, or of the value that
  ///   exceeds the budget of a text of this size.
  public init(parsing text: [UInt8], file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    var budget = InputBudget(text: text.count)
    self = try unsafe text.withUnsafeBufferPointer { (buffer) throws(Failure) in
      try unsafe Self.parse(UnsafeRawBufferPointer(buffer), file, depthLimit, &budget)
    }
  }

  /// Parses `text`.
  ///
  /// - Throws: `invalidData` with the offset of the first invalid byte, or of the value that
  ///   exceeds the budget of a text of this size.
  public init(parsing text: String, file: String? = nil, depthLimit: Int = 128) throws(Failure) {
    try self.init(parsing: Array(text.utf8), file: file, depthLimit: depthLimit)
  }

  private static func parse(
    _ buffer: UnsafeRawBufferPointer, _ file: String?, _ depthLimit: Int,
    _ budget: inout InputBudget
  ) throws(Failure) -> JSON {
    var parser = unsafe JSONParser(
      bytes: UnsafeBufferPointer(
        start: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), count: buffer.count),
      file: file, depthLimit: depthLimit, budget: budget)
    defer { budget = parser.budget }
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.offset < buffer.count { throw parser.failure("text after the end of the value") }
    return value
  }
}
