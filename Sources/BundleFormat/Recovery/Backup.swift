import Bytes

/// A copy of the header and of the section table, for the case that one of them, or the commit
/// record that points at the table, is damaged. It begins on a page and ends on one, so that damage to
/// one page never takes both an original and its copy.
///
///     0  8  "CTBACKUP"
///     8  8  generation, the table's
///    16  8  offset of this copy in the file
///    24  8  size t of the table's copy
///    32 64  the header
///    96 16  XXH3-128 of bytes 0 to 95 and of the table's copy
///   112  t  the section table without the entry of this copy
///           zeros up to a multiple of 4096
struct Backup: Equatable {
  /// The header's 64 bytes.
  var header: [UInt8]
  /// All entries but the backup's own.
  var table: SectionTable

  static let magic = Array("CTBACKUP".utf8)
  static let prefixSize = 112
  /// The name of the only section of its type.
  static let name = "backup"

  /// The bytes of a backup whose table's copy has `table` bytes.
  static func size(table: Int) -> Int {
    (prefixSize + table + ContainerLayout.pageSize - 1) / ContainerLayout.pageSize
      * ContainerLayout.pageSize
  }

  init(header: [UInt8], table: SectionTable) {
    self.header = header
    self.table = table
  }

  /// The bytes of the backup that stands at `offset`.
  func bytes(at offset: Int) -> [UInt8] {
    let copy = table.bytes
    var bytes = Self.magic
    bytes.append(littleEndian: table.generation)
    bytes.append(littleEndian: UInt64(offset))
    bytes.append(littleEndian: UInt64(copy.count))
    bytes += header
    bytes += XXH3Digest(hashing: bytes + copy).bytes
    bytes += copy
    return bytes
      + [UInt8](repeating: 0, count: Self.size(table: copy.count) - bytes.count)
  }

  /// The backup at `offset` of a file; nil where none stands there, or a damaged one.
  init?(
    at offset: Int, read: (_ offset: Int, _ count: Int) throws(Failure) -> ByteSlice
  ) throws(Failure) {
    let prefix = try read(offset, Self.prefixSize)
    guard prefix.count == Self.prefixSize, Array(prefix.array.prefix(8)) == Self.magic,
      let generation = prefix.integer(at: 8, as: UInt64.self),
      prefix.integer(at: 16, as: UInt64.self) == UInt64(offset),
      let size = prefix.integer(at: 24, as: UInt64.self).flatMap(Int.init(exactly:)),
      (SectionTable.prefixSize...ContainerLayout.maximumTableSize).contains(size)
    else { return nil }
    let all = try read(offset, Self.size(table: size))
    guard all.count == Self.size(table: size),
      let copy = all.slice(Self.prefixSize..<Self.prefixSize + size)
    else { return nil }
    let array = all.array
    let covered = Array(array[0..<96] + array[Self.prefixSize..<Self.prefixSize + size])
    guard XXH3Digest(hashing: covered).bytes == Array(array[96..<112]),
      array[(Self.prefixSize + size)...].allSatisfy({ $0 == 0 }),
      let table = try? SectionTable(parsing: copy, generation: generation, file: "")
    else { return nil }
    header = Array(array[32..<96])
    self.table = table
  }

  /// The sound backups that begin on a page from `start` on, in the order of the file. Pages that
  /// only look like one are tried until as many bytes were hashed as there are, four times over.
  static func all(
    from start: Int, to end: Int,
    read: (_ offset: Int, _ count: Int) throws(Failure) -> ByteSlice
  ) throws(Failure) -> [Backup] {
    var found: [Backup] = []
    let first = ContainerLayout.aligned(start, to: ContainerLayout.pageSize) ?? end
    var (next, budget) = (first, (end - first).multipliedReportingOverflow(by: 4).partialValue)
    for offset in stride(from: first, to: end, by: ContainerLayout.pageSize) {
      let prefix = try read(offset, 32)
      guard offset >= next, Array(prefix.array.prefix(8)) == magic,
        let claimed = prefix.integer(at: 24, as: UInt64.self).flatMap(Int.init(exactly:)),
        claimed <= end - offset, claimed <= budget
      else { continue }
      budget -= claimed
      guard let backup = try Backup(at: offset, read: read) else { continue }
      found.append(backup)
      next = offset + size(table: claimed)
    }
    return found
  }
}
