import Bytes

/// Header, commit records and table of a file, checked against each other; no section is read.
struct OpenedContainer {
  var header: Header
  var record: CommitRecord
  var table: SectionTable
  /// Findings that didn't keep the file from opening.
  var problems: [Problem]

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
      case .empty: break
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
      throw Failure(.invalidData, file: file, at: "commit records", "none is valid: \(why)")
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
        advice: "copy it again")
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
        .invalidData, file: file, at: "section table", "its hash doesn't match its bytes")
    }
    table = try SectionTable(parsing: bytes, record: record, file: file)
    for section in table.sections where section.type == nil {
      if section.flags.read & SectionFlags.typeNeededToRead != 0 {
        throw Failure(
          .invalidData, file: file, at: section.label,
          "the bundle can't be read without understanding it", advice: "use a newer ctpack")
      }
    }
  }
}
