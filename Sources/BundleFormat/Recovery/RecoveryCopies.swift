import Bytes

/// The copies for recovery that a commit writes after its sections: a backup of header and section
/// table, and the stored bytes of each document again. Tensors and prompts have none.
///
/// The backup takes whole pages between the documents and their copies, and between its table and
/// the one in force, so that no page holds both.
struct RecoveryCopies {
  /// Copies that the file has already and that are still right.
  var kept: [Section] = []
  /// Copies to be written, in the table's order.
  var added: [EncodedSection] = []
  /// Whether there is content to be recovered.
  private let isNeeded: Bool

  /// The types that are copied: documents that this version knows.
  static func isCopied(_ section: Section) -> Bool {
    section.type?.isDocument == true && section.storedSize > 0
      && name(of: section).utf8.count <= ContainerLayout.maximumNameSize
  }

  /// The name of a document's copy: the number of its type, a colon and its name.
  static func name(of document: Section) -> String { "\(document.typeID):\(document.name)" }

  /// - Parameters:
  ///   - content: the sections of the commit, without copies.
  ///   - there: the copies in the file.
  ///   - stored: returns the stored bytes of a document, and throws where they are damaged.
  init(
    of content: [Section], there: [Section],
    stored: (Section) throws(Failure) -> ByteSlice
  ) throws(Failure) {
    isNeeded = !content.isEmpty
    var old: [[UInt8]: Section] = [:]
    for copy in there where copy.type == .documentCopy { old[Array(copy.name.utf8)] = copy }
    for document in content where Self.isCopied(document) {
      let name = Self.name(of: document)
      if let copy = old[Array(name.utf8)], copy.isCopy(of: document) {
        kept.append(copy)
        continue
      }
      let bytes = try stored(document)
      added.append(
        EncodedSection(
          section: Section(
            typeID: SectionType.documentCopy.rawValue, layoutID: PackingLayout.raw.rawValue,
            flags: SectionType.documentCopy.kind.flags, codec: .none,
            alignment: ContainerLayout.tableAlignment, offset: 0, storedSize: bytes.count,
            rawSize: bytes.count, xxh3: document.xxh3, sha256: SHA256Digest(hashing: bytes),
            name: name, attributes: [:]),
          stored: bytes))
    }
    added.sort { Section.precedes($0.section, $1.section) }
  }

  /// Whether anything is to be placed; the place is then a multiple of a page.
  var isEmpty: Bool { !isNeeded }

  /// The bytes of the copies from `start` on, a multiple of a page, and the sections of all copies.
  ///
  /// - Parameters:
  ///   - header: the header's 64 bytes.
  ///   - content: the sections of the commit at their places, without copies.
  ///   - free: the free extents of the commit.
  func placed(
    at start: Int, header: [UInt8], generation: UInt64, content: [Section], free: [Extent]
  ) -> (bytes: [UInt8], sections: [Section]) {
    if isEmpty { return ([], []) }
    // A table's size doesn't depend on the places in it.
    let size = Backup.size(
      table: SectionTable(
        generation: generation, sections: content + kept + added.map(\.section), free: free
      ).bytes.count)
    var copies: [UInt8] = []
    var sections = kept
    for copy in added {
      copies += [UInt8](repeating: 0, count: -copies.count & (copy.section.alignment - 1))
      var section = copy.section
      section.offset = start + size + copies.count
      copies += copy.stored.array
      sections.append(section)
    }
    let backup = Backup(
      header: header,
      table: SectionTable(generation: generation, sections: content + sections, free: free)
    ).bytes(at: start)
    let section = Section(
      typeID: SectionType.backup.rawValue, layoutID: PackingLayout.raw.rawValue,
      flags: SectionType.backup.kind.flags, codec: .none, alignment: ContainerLayout.pageSize,
      offset: start, storedSize: backup.count, rawSize: backup.count,
      xxh3: XXH3Digest(hashing: backup), sha256: SHA256Digest(hashing: backup), name: Backup.name,
      attributes: [:])
    return (backup + copies, [section] + sections)
  }
}

extension Section {
  /// Whether this has the stored bytes of `document`.
  func isCopy(of document: Section) -> Bool {
    type == .documentCopy && codec == .none && storedSize == document.storedSize
      && xxh3 == document.xxh3 && name == RecoveryCopies.name(of: document)
  }
}
