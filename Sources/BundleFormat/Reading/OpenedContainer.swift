import Bytes

/// Header, commit records and table of a file, checked against each other; no section is read.
struct OpenedContainer {
  var header: Header
  var record: CommitRecord
  var table: SectionTable
  /// Findings that didn't keep the file from opening.
  var problems: [Problem]
  /// Whether the record that isn't in force was never written.
  var otherIsEmpty = false

  /// The sections with content: all but copies for recovery.
  var content: [Section] { table.sections.filter { $0.type?.isCopy != true } }

  /// Reads parts of `content`, fewer bytes where it ends before.
  static func reader(
    of content: ByteSlice
  ) -> (_ offset: Int, _ count: Int) throws(Failure) -> ByteSlice {
    { (offset, count) in
      let start = min(max(0, offset), content.count)
      return content.slice(start..<start + min(max(0, count), content.count - start))
        ?? ByteSlice([])
    }
  }

  /// A state that is put together, not read from a file.
  init(header: Header, record: CommitRecord, table: SectionTable) {
    (self.header, self.record, self.table) = (header, record, table)
    problems = []
  }

  /// `size` is the file's; `read` hands out parts of it (fewer bytes where the file ends before).
  init(
    file: String, size: Int, read: (_ offset: Int, _ count: Int) throws(Failure) -> ByteSlice
  ) throws(Failure) {
    header = try Header(parsing: try read(0, ContainerLayout.headerSize), file: file)
    problems = []
    var records: [CommitRecord] = []
    var complaints: [String] = []
    for (index, offset) in ContainerLayout.recordOffsets.enumerated() {
      let bytes = try read(offset, ContainerLayout.recordSize)
      let place = "commit record \(index)"
      switch CommitRecord.slot(parsing: bytes, index: index, header: header.digest) {
      case .empty: otherIsEmpty = true
      case .unfinished:
        problems.append(
          Problem(.note, at: place, "an edit was cut short; the bundle is as it was before it"))
      case .damaged(let finding):
        complaints.append("\(place): \(finding)")
        problems.append(Problem(at: place, finding))
      case .valid(let record): records.append(record)
      }
    }
    records.sort { $0.generation > $1.generation }
    guard let newest = records.first else {
      let why =
        complaints.isEmpty ? "both are empty or unfinished" : complaints.joined(separator: "; ")
      throw Failure(
        .invalidData, file: file, at: "commit records", "none is valid: \(why)",
        advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
    }
    if records.count == 2, newest.generation - records[1].generation != 1 {
      throw Failure(
        .invalidData, file: file, at: "commit records",
        "generations \(newest.generation) and \(records[1].generation) don't follow each other")
    }
    record = newest
    guard record.fileLength <= size else {
      throw Failure(
        .invalidData, file: file, at: "byte \(size)",
        "the file ends here, its commit record says \(record.fileLength) bytes",
        advice: "copy it again, or recover what is intact into a new bundle",
        reason: .bundleDamaged)
    }
    if size > record.fileLength {
      problems.append(
        Problem(
          .note, at: "byte \(record.fileLength)",
          "\(size - record.fileLength) bytes of an unfinished edit follow the committed content"))
    }
    let bytes = try read(record.table.offset, record.table.size)
    guard bytes.count == record.table.size, XXH3Digest(hashing: bytes) == record.tableXXH3,
      SHA256Digest(hashing: bytes) == record.tableSHA256
    else {
      throw Failure(
        .invalidData, file: file, at: "section table", "its hash doesn't match its bytes",
        advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
    }
    table = try SectionTable(parsing: bytes, record: record, file: file)
    try refuseUnknownTypes(file)
    try checkOther(size: size, read: read)
  }
}

extension OpenedContainer {
  /// Refuses a bundle with a section that a reader must understand and this program doesn't know.
  func refuseUnknownTypes(_ file: String) throws(Failure) {
    for section in table.sections
    where section.type == nil && section.flags.read & SectionFlags.typeNeededToRead != 0 {
      throw Failure(
        .invalidData, file: file, at: section.label,
        "the bundle can't be read without understanding it", advice: "use a newer ctpack")
    }
  }

  /// Reports a commit record that was wiped: one beside a later generation than the first, which
  /// only an edit of that other record can have made, or the next generation's, whose backup stands
  /// in the file.
  private mutating func checkOther(
    size: Int, read: (_ offset: Int, _ count: Int) throws(Failure) -> ByteSlice
  ) throws(Failure) {
    guard otherIsEmpty else { return }
    let place = "commit record \(1 - record.slot)"
    if record.generation > 1 {
      problems.append(
        Problem(at: place, "it is blank beside generation \(record.generation): it was overwritten")
      )
      return
    }
    guard size > record.fileLength else { return }
    let later = try Backup.all(from: record.fileLength, to: size, read: read)
    if later.contains(where: { $0.table.generation == record.generation + 1 }) {
      problems.append(
        Problem(
          at: place,
          "it is blank, but generation \(record.generation + 1) was written: it was overwritten"))
    }
  }
}
