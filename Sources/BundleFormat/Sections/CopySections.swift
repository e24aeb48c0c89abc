import Bytes

/// Copies for recovery. The writer makes them, and they are no content.
extension SectionKind {
  /// A program that doesn't know the copies must not change the bundle: it would leave copies of
  /// another state.
  private static let copy = SectionFlags(write: SectionFlags.typeNeededToWrite)

  /// A copy of header and section table, which must be those in force.
  static let backup = SectionKind(
    layouts: [.raw], name: .fixed(Backup.name), flags: copy
  ) { content throws(Failure) in
    content.bundle.fault(ofBackup: content.section)
  }

  /// The stored bytes of a document again.
  static let documentCopy = SectionKind(layouts: [.raw], name: .free, flags: copy) { content in
    content.bundle.document(copiedBy: content.section) == nil
      ? "it isn't a copy of a document of this bundle" : nil
  }
}

extension ModelBundle {
  /// The backup of header and section table, and the copies of documents; empty in a bundle from
  /// before there were any.
  public var recoveryCopies: [Section] {
    opened.table.sections.filter { $0.type?.isCopy == true }
  }

  /// The document whose stored bytes `copy` has; nil if there is none.
  fileprivate func document(copiedBy copy: Section) -> Section? {
    let parts = copy.name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let type = UInt16(parts[0]).flatMap(SectionType.init(rawValue:)),
      let document = section(type, named: String(parts[1])), copy.isCopy(of: document)
    else { return nil }
    return document
  }

  /// The fault of the backup `section`, as a clause; nil if it is sound and current.
  fileprivate func fault(ofBackup section: Section) -> String? {
    guard let backup = try? Backup(at: section.offset, read: OpenedContainer.reader(of: content))
    else {
      return "it isn't a backup of a section table"
    }
    var table = opened.table
    table.sections.removeAll { $0.type == .backup }
    return backup.header == opened.header.bytes && backup.table == table
      ? nil : "it is a copy of another header or section table than those in force"
  }
}
