import Bytes

/// The pointer to the section table in force. Two records alternate: generation g is in slot g mod
/// 2, so that writing one never touches the other. The end mark is the last byte written.
///
///     0  8  "CTCOMMIT"
///     8  8  generation (≥ 1)
///    16  8  table offset      24  8  table size      32  8  committed file length
///    40 16  XXH3-128 of the table      56 32  SHA-256 of the table
///    88 16  XXH3-128 of the whole header (64 bytes)
///   104 16  XXH3-128 of bytes 0 to 103
///   120  7  zero
///   127  1  end mark A5
struct CommitRecord: Equatable {
  var generation: UInt64
  var table: Extent
  var fileLength: Int
  var tableXXH3: XXH3Digest
  var tableSHA256: SHA256Digest
  var header: XXH3Digest

  static let magic = Array("CTCOMMIT".utf8)
  static let endMark: UInt8 = 0xA5

  var slot: Int { Int(generation & 1) }

  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.append(littleEndian: generation)
    bytes.append(littleEndian: UInt64(table.offset))
    bytes.append(littleEndian: UInt64(table.size))
    bytes.append(littleEndian: UInt64(fileLength))
    bytes.append(contentsOf: tableXXH3.bytes)
    bytes.append(contentsOf: tableSHA256.bytes)
    bytes.append(contentsOf: header.bytes)
    bytes.append(contentsOf: XXH3Digest(hashing: bytes).bytes)
    bytes.append(contentsOf: repeatElement(0, count: 7))
    bytes.append(Self.endMark)
    return bytes
  }

  /// The content of a slot.
  enum Slot: Equatable {
    /// Never written: all zero.
    case empty
    /// The end mark is missing: a write that was cut short, or is only about to begin.
    case unfinished
    case damaged(String)
    case valid(CommitRecord)
  }

  static func slot(parsing bytes: ByteSlice, index: Int, header: XXH3Digest) -> Slot {
    let array = bytes.array
    if array.allSatisfy({ $0 == 0 }) { return .empty }
    guard array.count == ContainerLayout.recordSize, let mark = array.last else {
      return .damaged("the file ends inside it")
    }
    if mark == 0 { return .unfinished }
    guard mark == endMark else { return .damaged("its end mark is wrong") }
    guard XXH3Digest(hashing: Array(array[0..<104])).bytes == Array(array[104..<120]) else {
      return .damaged("its hash doesn't match its bytes")
    }
    guard Array(array[0..<8]) == magic, array[120..<127].allSatisfy({ $0 == 0 }) else {
      return .damaged("its magic or its reserved bytes are wrong")
    }
    guard let generation = bytes.integer(at: 8, as: UInt64.self),
      let offset = bytes.integer(at: 16, as: UInt64.self).flatMap(Int.init(exactly:)),
      let size = bytes.integer(at: 24, as: UInt64.self).flatMap(Int.init(exactly:)),
      let length = bytes.integer(at: 32, as: UInt64.self).flatMap(Int.init(exactly:)),
      let xxh3 = XXH3Digest(bytes: Array(array[40..<56])),
      let sha256 = SHA256Digest(bytes: Array(array[56..<88])),
      let bound = XXH3Digest(bytes: Array(array[88..<104]))
    else { return .damaged("a number in it is out of range") }
    guard generation >= 1, generation & 1 == UInt64(index) else {
      return .damaged("generation \(generation) can't stand in slot \(index)")
    }
    guard bound == header else { return .damaged("it belongs to another header") }
    let (end, overflowed) = offset.addingReportingOverflow(size)
    guard !overflowed, offset >= ContainerLayout.bodyOffset, end <= length,
      offset % ContainerLayout.tableAlignment == 0, size >= SectionTable.prefixSize,
      size <= ContainerLayout.maximumTableSize
    else { return .damaged("its table doesn't lie inside the file") }
    return .valid(
      CommitRecord(
        generation: generation, table: Extent(offset: offset, size: size), fileLength: length,
        tableXXH3: xxh3, tableSHA256: sha256, header: bound))
  }
}
