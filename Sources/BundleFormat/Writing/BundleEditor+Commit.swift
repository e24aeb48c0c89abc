import Bytes

extension BundleEditor {
  /// The sections that an edit keeps and adds.
  struct Change {
    var generation: UInt64
    var kept: [Section]
    var added: [EncodedSection]
    var copies: RecoveryCopies
    var free: [Extent]
  }

  /// The order of writes is what makes a crash harmless:
  /// 1. clear the end mark of the slot that isn't in force, drop the tail of an unfinished edit; an
  ///    empty slot gets the magic of an unfinished record first, and is synchronized, so that a record
  ///    that is wiped later can be told from one that was never written;
  /// 2. append the sections, their copies for recovery and the table after the committed length;
  /// 3. synchronize; 4. write the new commit record, its end mark last; 5. synchronize.
  ///
  /// Nothing is written before all of it has passed the checks of a reader.
  static func commit<File: EditableBytes & ~Copyable>(
    _ file: inout File, _ opened: OpenedContainer, _ change: Change, _ size: Int, _ path: String
  ) throws(Failure) -> UInt64 {
    var added = change.added
    let start = opened.record.fileLength
    var tail: [UInt8] = []
    func place(_ alignment: Int) throws(Failure) -> Int {
      guard let offset = ContainerLayout.aligned(start + tail.count, to: alignment) else {
        throw Failure(.invalidData, file: path, "the file can't grow further")
      }
      tail += [UInt8](repeating: 0, count: offset - start - tail.count)
      return offset
    }
    for index in added.indices where added[index].section.storedSize > 0 {
      added[index].section.offset = try place(added[index].section.alignment)
      tail += added[index].stored.array
    }
    var content = change.kept + added.map(\.section)
    let free = gaps(
      between: change.kept + change.copies.kept, holding: change.free, end: start)
    if !change.copies.isEmpty {
      let copies = change.copies.placed(
        at: try place(ContainerLayout.pageSize), header: opened.header.bytes,
        generation: change.generation, content: content, free: free)
      tail += copies.bytes
      content += copies.sections
    }
    let table = SectionTable(generation: change.generation, sections: content, free: free).bytes
    guard table.count <= ContainerLayout.maximumTableSize else {
      throw Failure(
        .invalidData, file: path, "its section table grew too large", advice: "compact it")
    }
    let tableOffset = try place(ContainerLayout.tableAlignment)
    tail += table
    let record = CommitRecord(
      generation: change.generation, table: Extent(offset: tableOffset, size: table.count),
      fileLength: start + tail.count, tableXXH3: XXH3Digest(hashing: table),
      tableSHA256: SHA256Digest(hashing: table), header: opened.header.digest)
    try CommitCheck(opened.header, record, table: table, path).check(added)
    let slot = ContainerLayout.recordOffsets[record.slot]

    do throws(Failure) {
      if opened.otherIsEmpty {
        try file.write(CommitRecord.magic, at: slot)
        try file.synchronize()
      }
      try file.write([0], at: slot + ContainerLayout.recordSize - 1)
      if size > start { try file.truncate(to: start) }
      try file.write(tail, at: start)
      try file.synchronize()
      try file.write(record.bytes, at: slot)
    } catch {
      // The old record is untouched; what was appended is only in the way.
      try? file.truncate(to: start)
      throw error
    }
    try file.synchronize()
    return record.generation
  }

  /// The free extents of the new table: every gap between kept sections that holds something
  /// released, whole, so that the padding around what was released belongs to it. Ascending.
  private static func gaps(between kept: [Section], holding free: [Extent], end: Int) -> [Extent] {
    let used = kept.filter { $0.storedSize > 0 }.sorted { $0.offset < $1.offset }
    let released = free.sorted { $0.offset < $1.offset }
    var gaps: [Extent] = []
    var next = 0
    var start = ContainerLayout.bodyOffset
    for (gapEnd, nextStart) in used.map({ ($0.offset, $0.end) }) + [(end, end)] {
      if next < released.count, released[next].offset < gapEnd {
        gaps.append(Extent(offset: start, size: gapEnd - start))
        while next < released.count, released[next].offset < gapEnd { next += 1 }
      }
      start = nextStart
    }
    return gaps
  }
}
