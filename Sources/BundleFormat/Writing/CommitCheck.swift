import Bytes

/// The check of a commit before it is written, by the rules that a reader will apply: what is
/// stored is readable, or nothing is stored.
struct CommitCheck {
  private let bundle: ModelBundle

  /// Parses the record and its table.
  /// - Throws: `internalError` where a reader would refuse them.
  init(
    _ header: Header, _ record: CommitRecord, table: [UInt8], _ path: String
  ) throws(Failure) {
    do throws(Failure) {
      let slot = CommitRecord.slot(
        parsing: ByteSlice(record.bytes), index: record.slot, header: header.digest)
      guard slot == .valid(record) else {
        throw Failure(.invalidData, at: "commit record", "it reads back as \(slot)")
      }
      let table = try SectionTable(parsing: ByteSlice(table), record: record, file: path)
      bundle = try ModelBundle(
        opened: OpenedContainer(header: header, record: record, table: table),
        content: ByteSlice([]), file: nil, path: path)
    } catch {
      throw Failure(
        .internalError, file: path, at: error.place,
        "nothing was written: a reader would refuse it: \(error.finding)",
        advice: "please report this")
    }
  }

  /// Checks the content of sections that are about to be written, tensors left out, whose kernels
  /// are checked when they are made.
  /// - Throws: `invalidData` with the first fault that the full check would find.
  func check(_ added: [EncodedSection]) throws(Failure) {
    for encoded in added where !SectionType.isTensorPart(encoded.section.typeID) {
      // As the table that was parsed has it: what is no number in attributes is null there.
      guard
        let section = encoded.section.type.flatMap({
          bundle.section($0, named: encoded.section.name)
        })
      else { continue }
      // Its statement was compared with the content of the edit; the rest needs other sections.
      if section.type == .signature { continue }
      let fault: String?
      do throws(Failure) {
        let bytes =
          section.codec == .zstd
          ? try Zstandard.decompressed(encoded.stored, size: section.rawSize) : encoded.stored
        fault = try bundle.contentFault(of: section, bytes)
      } catch {
        fault = (error.place.map { $0 + ": " } ?? "") + error.finding
      }
      if let fault {
        throw Failure(
          .invalidData, file: bundle.path, at: section.label,
          "nothing was written: a reader would refuse it: \(fault)",
          advice: "check the numbers that it was made from")
      }
    }
  }
}
