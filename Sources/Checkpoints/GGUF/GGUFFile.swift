import Bytes
import Numerics

/// A little-endian GGUF file, version 2 or 3: its metadata and the locations of its tensors, fully
/// checked on opening.
///
/// ```
/// "GGUF" | version u32 | tensors u64 | values u64
/// per value:  key (u64 length, bytes) | type u32 | value
/// per tensor: name (u64 length, bytes) | rank u32 | sizes u64 (innermost first) | type u32
///             | offset u64
/// padding to general.alignment | tensor data: each at its offset from here, same alignment
/// ```
package struct GGUFFile: Sendable {
  /// A tensor in the file.
  package struct Entry: Sendable {
    package let type: BlockType
    /// Outermost dimension first; the file stores the innermost first.
    package let shape: [Int]
    package let bytes: ByteSlice
    /// The position of `bytes` in the file.
    let range: Range<Int>
    /// The mapped file; nil if the bytes were passed in.
    let mapping: MappedFile?
  }

  package let path: String
  let metadata: GGUFMetadata
  package let tensors: [String: Entry]

  /// Joins the parts of a model that is split into several files: the metadata of `first` and the
  /// tensors of all parts.
  init(first: GGUFFile, tensors: [String: Entry]) {
    path = first.path
    metadata = first.metadata
    self.tensors = tensors
  }

  init(mapping: MappedFile) throws(Failure) {
    try self.init(bytes: mapping.bytes, path: mapping.path, mapping: mapping)
  }

  package init(bytes: ByteSlice, path: String) throws(Failure) {
    try self.init(bytes: bytes, path: path, mapping: nil)
  }

  /// Releases the mapped pages of a converted tensor, so that reading a large model one tensor at a
  /// time doesn't fill the memory. The system reads them again on the next access.
  func release(_ entry: Entry) { entry.mapping?.advise(.dontNeed, entry.range) }

  private init(bytes: ByteSlice, path: String, mapping: MappedFile?) throws(Failure) {
    self.path = path
    var cursor = GGUFCursor(bytes, file: path)
    try Self.readVersion(&cursor)
    let tensorCount = try cursor.count("tensors", minimum: 24, limit: 1 << 18)
    let valueCount = try cursor.count("metadata values", minimum: 13, limit: 1 << 16)
    metadata = try GGUFMetadata(parsing: &cursor, count: valueCount)
    let alignment = try metadata.alignment()

    var infos: [TensorInfo] = []
    infos.reserveCapacity(tensorCount)
    for _ in 0..<tensorCount { infos.append(try TensorInfo(parsing: &cursor)) }
    let padding = (alignment - cursor.offset % alignment) % alignment
    let dataStart = cursor.offset + padding
    guard dataStart <= bytes.count || tensorCount == 0 else {
      throw cursor.failure("the file ends before the tensor data")
    }
    tensors = try Self.place(
      infos, in: bytes, from: min(dataStart, bytes.count), alignment: alignment, path, mapping)
  }

  private static func readVersion(_ cursor: inout GGUFCursor) throws(Failure) {
    let magic = try cursor.take(4, "the magic")
    guard magic.array == Array("GGUF".utf8) else {
      throw cursor.failure("the file doesn't start with GGUF", at: 0)
    }
    let version = try cursor.integer("the version", as: UInt32.self)
    if version.byteSwapped == 2 || version.byteSwapped == 3 {
      throw cursor.failure(
        "the file is big-endian; only little-endian GGUF files are supported", at: 4)
    }
    guard version == 2 || version == 3 else {
      throw cursor.failure(
        "the file has GGUF version \(version); versions 2 and 3 are supported", at: 4)
    }
  }

  /// Locates every tensor's bytes. Sorted by offset, the tensors must be contiguous, padded to the
  /// alignment, as every writer lays them out: no gap, no overlap, no trailing data.
  private static func place(
    _ infos: [TensorInfo], in bytes: ByteSlice, from dataStart: Int, alignment: Int, _ path: String,
    _ mapping: MappedFile?
  ) throws(Failure) -> [String: Entry] {
    var tensors: [String: Entry] = [:]
    tensors.reserveCapacity(infos.count)
    var next = 0
    let available = bytes.count - dataStart
    for info in infos.sorted(by: { $0.offset < $1.offset }) {
      func refuse(_ finding: String) -> Failure {
        Failure(.invalidData, file: path, at: "tensor \(info.name.quoted)", finding)
      }
      guard info.offset == UInt64(next) else {
        throw refuse("starts at data offset \(info.offset); expected \(next)")
      }
      let range =
        dataStart + next..<dataStart + next + min(info.byteCount, max(0, available - next))
      guard range.count == info.byteCount, let data = bytes.slice(range) else {
        throw refuse(
          "needs \(info.byteCount) bytes from data offset \(next), but only "
            + "\(max(0, available - next)) are left"
        )
      }
      let entry = Entry(
        type: info.type, shape: info.shape, bytes: data, range: range, mapping: mapping)
      guard tensors.updateValue(entry, forKey: info.name) == nil else {
        throw refuse("appears twice")
      }
      next += info.byteCount + (alignment - info.byteCount % alignment) % alignment
    }
    guard available <= next else {
      throw Failure(
        .invalidData, file: path, at: "byte \(dataStart + next)",
        "found \(available - next) bytes after the last tensor's data")
    }
    return tensors
  }
}

/// A tensor's entry in the table before the tensor data.
private struct TensorInfo {
  let name: String
  let shape: [Int]
  let type: BlockType
  let offset: UInt64
  let byteCount: Int

  init(parsing cursor: inout GGUFCursor) throws(Failure) {
    let place = cursor.offset
    let text = try cursor.string("a tensor name")
    guard text.count < 64, let name = String(validating: text.array, as: UTF8.self) else {
      throw cursor.failure("the tensor name isn't UTF-8 of less than 64 bytes", at: place)
    }
    func refuse(_ finding: String) -> Failure {
      Failure(.invalidData, file: cursor.file, at: "tensor \(name.quoted)", finding)
    }
    let rank = try cursor.integer("the rank of a tensor", as: UInt32.self)
    guard rank <= 4 else { throw refuse("has \(rank) dimensions; at most 4 are allowed") }
    var sizes: [Int] = []
    for _ in 0..<rank {
      let size = try cursor.integer("the shape of a tensor", as: UInt64.self)
      guard size > 0, let narrow = Int(exactly: size) else {
        throw refuse("has a dimension of \(size)")
      }
      sizes.append(narrow)
    }
    let code = try cursor.integer("the type of a tensor", as: UInt32.self)
    guard let type = BlockType(rawValue: code) else {
      throw Failure(
        .invalidData, file: cursor.file, at: "tensor \(name.quoted)",
        "the type \(Self.unsupportedTypes[code] ?? "number") (\(code)) isn't supported",
        advice: "supported types: " + BlockType.allCases.map(\.name).joined(separator: ", "))
    }
    var count = 1
    for size in sizes {
      let (product, overflowed) = count.multipliedReportingOverflow(by: size)
      guard !overflowed else { throw refuse("the shape \(sizes) overflows") }
      count = product
    }
    guard (sizes.first ?? 1) % type.blockLength == 0, let bytes = type.byteCount(of: count) else {
      throw refuse(
        "rows of \(sizes.first ?? 1) weights don't fill \(type.name) blocks of \(type.blockLength)")
    }
    self.name = name
    self.shape = sizes.reversed()
    self.type = type
    self.byteCount = bytes
    self.offset = try cursor.integer("the offset of a tensor", as: UInt64.self)
  }

  /// Names of tensor types that aren't supported, for error messages.
  private static let unsupportedTypes: [UInt32: String] = [
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16",
    26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
  ]
}
