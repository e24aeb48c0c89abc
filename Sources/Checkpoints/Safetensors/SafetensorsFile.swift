import Bytes

/// A safetensors file, fully checked on opening.
///
/// ```
/// 0        8                 8 + N                          file length
/// | N u64  | N bytes of JSON | data of the tensors, back to back |
/// ```
/// The JSON has a member per tensor, `{"dtype": …, "shape": […], "data_offsets": [begin, end]}`
/// with offsets relative to 8 + N, and optionally `"__metadata__"`, a map from strings to strings.
package struct SafetensorsFile: Sendable {
  /// A tensor in the file.
  package struct Entry: Sendable {
    package let type: SafetensorsType
    /// Outermost dimension first.
    package let shape: [Int]
    package let bytes: ByteSlice
    /// The mapped file and the range of `bytes` in it; nil if the bytes were passed in.
    let source: (file: MappedFile, range: Range<Int>)?
  }

  package let path: String
  package let entries: [String: Entry]

  /// The longest header that other readers accept, in bytes.
  static let headerLimit = 100_000_000
  private static let rankLimit = 32
  /// Bytes of memory that the header's values may take per byte of the header, beside
  /// `InputBudget.base`; an entry takes about 8.
  static let headerFactor = 12

  /// - Throws: `inputMissing` if the file doesn't exist, `invalidData` if it violates the format.
  package init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    try FileContent.expect(.safetensors, in: file.bytes, file: path)
    try self.init(bytes: file.bytes, path: path, file: file)
  }

  package init(bytes: ByteSlice, path: String) throws(Failure) {
    try self.init(bytes: bytes, path: path, file: nil)
  }

  private init(bytes: ByteSlice, path: String, file: MappedFile?) throws(Failure) {
    self.path = path
    func refuse(_ place: String, _ finding: String) -> Failure {
      Failure(.invalidData, file: path, at: place, finding)
    }
    guard let length = bytes.integer(at: 0, as: UInt64.self) else {
      throw refuse("byte 0", "the file has \(bytes.count) bytes, too few for a safetensors header")
    }
    guard length <= UInt64(Self.headerLimit) else {
      throw refuse(
        "byte 0", "the header has \(length) bytes; at most \(Self.headerLimit) are allowed")
    }
    let dataStart = 8 + Int(length)
    guard let header = bytes.slice(8..<dataStart) else {
      throw refuse("byte 0", "the header has \(length) bytes, but the file only \(bytes.count)")
    }
    guard header.count > 0, header[0] == UInt8(ascii: "{") else {
      throw refuse("byte 8", "the header doesn't start with '{'")
    }
    let members: JSONObject
    do {
      var budget = InputBudget(bytes: header.count, factor: Self.headerFactor)
      members = try JSON(parsing: header, file: path, depthLimit: 8, budget: &budget).object ?? [:]
    } catch {
      // The parser counts from the header's first byte.
      throw Failure(
        .invalidData, file: path, at: "header, \(error.place ?? "")", error.finding,
        advice: error.advice)
    }

    var entries: [String: Entry] = [:]
    entries.reserveCapacity(members.count)
    var ranges: [(begin: Int, end: Int, name: String)] = []
    for (name, value) in members {
      if name == "__metadata__" {
        try Self.checkMetadata(value, path)
        continue
      }
      let (type, shape, begin, end) = try Self.entry(name, value, path)
      guard let data = bytes.slice(dataStart, begin, end) else {
        throw refuse(
          "tensor \(name.quoted)",
          "data_offsets [\(begin), \(end)] go beyond the \(bytes.count - dataStart) bytes of data")
      }
      let source = file.map { ($0, dataStart + begin..<dataStart + end) }
      let entry = Entry(type: type, shape: shape, bytes: data, source: source)
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw refuse("tensor \(name.quoted)", "appears twice")
      }
      ranges.append((begin, end, name))
    }
    self.entries = entries

    // Sorted by offset, the tensors must cover the data exactly, without gap, overlap or rest.
    var covered = 0
    ranges.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    for range in ranges {
      guard range.begin == covered else {
        throw refuse(
          "tensor \(range.name.quoted)",
          "starts at data offset \(range.begin); expected \(covered) "
            + (range.begin < covered ? "(an overlap)" : "(a gap)"))
      }
      covered = range.end
    }
    guard dataStart + covered == bytes.count else {
      throw refuse(
        "byte \(dataStart + covered)",
        "found \(bytes.count - dataStart - covered) bytes after the last tensor's data")
    }
  }

  private static func entry(
    _ name: String, _ value: JSON, _ path: String
  ) throws(Failure) -> (SafetensorsType, [Int], Int, Int) {
    func refuse(_ finding: String) -> Failure {
      Failure(.invalidData, file: path, at: "tensor \(name.quoted)", finding)
    }
    guard let object = value.object else {
      throw refuse("expected an object, found \(value.kindName)")
    }
    for key in object.keys where !["dtype", "shape", "data_offsets"].contains(key) {
      throw refuse("has the unknown key \(key.quoted)")
    }
    guard let typeName = object["dtype"]?.string else { throw refuse("has no dtype") }
    guard let type = SafetensorsType(rawValue: typeName) else {
      throw refuse("has the unknown dtype \(typeName.quoted)")
    }
    func sizes(_ key: String) throws(Failure) -> [Int] {
      guard let values = object[key]?.array else { throw refuse("has no \(key)") }
      guard values.count <= rankLimit else {
        throw refuse("\(key) has \(values.count) numbers; at most \(rankLimit) are supported")
      }
      var sizes: [Int] = []
      for value in values {
        guard case .integer(let size) = value, size >= 0 else {
          throw refuse("\(key) holds something other than non-negative integers")
        }
        sizes.append(Int(size))
      }
      return sizes
    }
    let shape = try sizes("shape")
    let offsets = try sizes("data_offsets")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw refuse("has data_offsets \(offsets); expected [begin, end]")
    }
    guard let expected = type.byteCount(shape) else {
      throw refuse("the shape \(shape) of \(typeName) isn't a whole number of bytes below 2^63")
    }
    guard offsets[1] - offsets[0] == expected else {
      throw refuse(
        "the shape \(shape) of \(typeName) takes \(expected) bytes; data_offsets \(offsets) span "
          + "\(offsets[1] - offsets[0])")
    }
    return (type, shape, offsets[0], offsets[1])
  }

  private static func checkMetadata(_ value: JSON, _ path: String) throws(Failure) {
    guard let object = value.object, object.values.allSatisfy({ $0.string != nil }) else {
      throw Failure(
        .invalidData, file: path, at: "key \"__metadata__\"",
        "expected a map from strings to strings")
    }
  }
}

extension ByteSlice {
  /// The bytes `begin..<end`, `begin` ≤ `end`, from `start` on; nil if they exceed the slice.
  fileprivate func slice(_ start: Int, _ begin: Int, _ end: Int) -> ByteSlice? {
    guard end <= count - start else { return nil }
    return slice(start + begin..<start + end)
  }
}
