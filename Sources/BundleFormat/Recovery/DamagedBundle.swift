import Bytes

/// The states that can be told from the bytes of a damaged bundle: what its commit records point at,
/// what its backups say, and what looks like a section table.
struct DamagedBundle {
  /// The header and the section table of one commit.
  struct State {
    /// The place where the table was found, in the order of preference.
    enum Source: Int {
      case record, backup, table
    }

    var source: Source
    var header: Header
    var table: SectionTable
  }

  private enum Slot {
    case blank, unfinished, damaged
    case sound(CommitRecord)
  }

  /// The newest state that was committed and whose table is there; nil if there is none.
  let state: State?
  /// The generation that was committed later, but whose table is lost; nil if there is none, or
  /// nobody can tell.
  let lostGeneration: UInt64?

  private let content: ByteSlice
  private let path: String
  private let read: (Int, Int) throws(Failure) -> ByteSlice

  /// - Throws: `invalidData` where the header is sound and needs a newer program.
  init(_ content: ByteSlice, path: String) throws(Failure) {
    (self.path, self.content) = (path, content)
    read = OpenedContainer.reader(of: content)
    let own = try Self.header(of: content, path)
    let backups = try Backup.all(
      from: ContainerLayout.bodyOffset, to: content.count, read: read)
    var slots: [Slot] = []
    for (index, offset) in ContainerLayout.recordOffsets.enumerated() {
      slots.append(Self.slot(index, try read(offset, ContainerLayout.recordSize)))
    }
    let records = slots.compactMap { if case .sound(let record) = $0 { record } else { nil } }
      .sorted { $0.generation > $1.generation }
    var states: [State] = []
    for record in records {
      guard let header = own ?? Self.header(of: record, backups),
        let table = try Self.table(of: record, path, read)
      else { continue }
      states.append(State(source: .record, header: header, table: table))
    }
    for backup in backups {
      guard let header = own ?? (try? Header(parsing: ByteSlice(backup.header), file: path))
      else { continue }
      states.append(State(source: .backup, header: header, table: backup.table))
    }
    // One that isn't in force may have been the next generation's, unless it says that it is not.
    let newest = records.first
    var mayBeNewer = false
    if let newest {
      switch slots[1 - newest.slot] {
      case .blank, .damaged: mayBeNewer = true
      case .unfinished, .sound: break
      }
    }
    let wanted = newest.map { $0.generation &+ (mayBeNewer ? 1 : 0) }
    if !states.contains(where: { $0.table.generation == wanted }) {
      let start = states.isEmpty ? ContainerLayout.bodyOffset : newest?.fileLength ?? content.count
      states += Self.tables(in: content, from: start, path).map {
        State(source: .table, header: own ?? states.first?.header ?? Header(), table: $0)
      }
    }
    var limit = wanted ?? states.map(\.table.generation).max() ?? 0
    if newest == nil, case .unfinished = slots[Int(limit & 1)],
      states.contains(where: { $0.table.generation == limit &- 1 })
    {
      limit -= 1
    }
    let best = states.filter { $0.table.generation <= limit }.min {
      $0.table.generation != $1.table.generation
        ? $0.table.generation > $1.table.generation : $0.source.rawValue < $1.source.rawValue
    }
    state = best
    let found = best?.table.generation ?? 0
    if let newest, found < newest.generation {
      lostGeneration = newest.generation
    } else if let newest, mayBeNewer, found == newest.generation,
      content.count > newest.fileLength
    {
      lostGeneration = newest.generation &+ 1
    } else {
      lostGeneration = nil
    }
  }

  /// The header at the beginning; nil where it is damaged.
  /// - Throws: `invalidData` where it is sound, and a reader refuses it for what it says.
  private static func header(of content: ByteSlice, _ path: String) throws(Failure) -> Header? {
    guard let bytes = content.slice(0..<ContainerLayout.headerSize)?.array,
      Array(bytes[0..<8]) == ContainerLayout.magic,
      XXH3Digest(hashing: Array(bytes[0..<48])).bytes == Array(bytes[48..<64])
    else { return nil }
    return try Header(parsing: content, file: path)
  }

  /// The header whose digest a record names: of a backup, or one without flags.
  private static func header(of record: CommitRecord, _ backups: [Backup]) -> Header? {
    let copies = backups.lazy.compactMap {
      try? Header(parsing: ByteSlice($0.header), file: "")
    }
    let plain = (UInt16(0)...255).lazy.map { minor in
      var header = Header()
      header.minorVersion = minor
      return header
    }
    return copies.first { $0.digest == record.header } ?? plain.first { $0.digest == record.header }
  }

  /// The content of a record's slot, whatever header the record belongs to.
  private static func slot(_ index: Int, _ bytes: ByteSlice) -> Slot {
    guard let bound = bytes.slice(88..<104).flatMap({ XXH3Digest(bytes: $0.array) }) else {
      return .damaged
    }
    switch CommitRecord.slot(parsing: bytes, index: index, header: bound) {
    case .empty: return .blank
    case .unfinished: return .unfinished
    case .damaged: return .damaged
    case .valid(let record): return .sound(record)
    }
  }

  /// The table of a record; nil where it is damaged.
  private static func table(
    of record: CommitRecord, _ path: String,
    _ read: (Int, Int) throws(Failure) -> ByteSlice
  ) throws(Failure) -> SectionTable? {
    let bytes = try read(record.table.offset, record.table.size)
    guard bytes.count == record.table.size, XXH3Digest(hashing: bytes) == record.tableXXH3,
      SHA256Digest(hashing: bytes) == record.tableSHA256
    else { return nil }
    return try? SectionTable(parsing: bytes, generation: record.generation, file: path)
  }

  /// The section tables that can be parsed from `start` on, in the order of the file. No hash covers
  /// them, but each section has its own. The bytes that are tried are at most four times those there are.
  private static func tables(
    in content: ByteSlice, from start: Int, _ path: String
  ) -> [SectionTable] {
    var found: [SectionTable] = []
    var (next, budget) = (0, content.count.multipliedReportingOverflow(by: 4).partialValue)
    let magic = SectionTable.magic
    let step = ContainerLayout.tableAlignment
    let first = (start + step - 1) / step * step
    for offset in stride(from: first, to: content.count - SectionTable.prefixSize + 1, by: step) {
      guard offset >= next, content[offset] == magic[0], content[offset + 1] == magic[1],
        content.slice(offset..<offset + magic.count)?.array == magic,
        let generation = content.integer(at: offset + 8, as: UInt64.self),
        let count = content.integer(at: offset + 16, as: UInt32.self),
        let free = content.integer(at: offset + 20, as: UInt32.self),
        let text = content.integer(at: offset + 24, as: UInt64.self).flatMap(Int.init(exactly:)),
        text <= ContainerLayout.maximumTableSize
      else { continue }
      let size =
        SectionTable.prefixSize + Int(count) * SectionTable.entrySize
        + Int(free) * SectionTable.extentSize + text
      guard size <= content.count - offset, size <= budget else { continue }
      budget -= size
      guard let bytes = content.slice(offset..<offset + size),
        let table = try? SectionTable(parsing: bytes, generation: generation, file: path)
      else { continue }
      found.append(table)
      next = offset + size
    }
    return found
  }
}
