import Bytes

/// A `.ctpack` file opened for reading. Header, commit records, section table and the cover of the
/// file are always checked; sections are mapped, and read when asked for.
public final class ModelBundle: Sendable {
  /// The file as it was named, or the name of a bundle in memory.
  public let path: String
  /// The number of the commit record in force: 1 for a new bundle, one more after each edit.
  public let generation: UInt64
  /// The content, in the order of the table: by type, then by name. `recoveryCopies` are left out.
  public let sections: [Section]
  /// Findings that didn't keep the bundle from opening, notes included.
  public let problems: [Problem]
  /// The tensors by name, without their stored sizes; `tensors` has these too.
  public let descriptors: [TensorDescriptor]
  let opened: OpenedContainer
  /// The whole file.
  let content: ByteSlice
  /// nil for a bundle in memory.
  let file: MappedFile?
  let decodedSections = DecodedSections()
  let signedContentCache = SignedContentCache()
  let knownWeightsDigest = DigestCache()
  private let positions: [Key: Int]

  private struct Key: Hashable {
    var type: UInt16
    var name: [UInt8]
  }

  /// Opens the file at `path`, which another process may be editing meanwhile.
  ///
  /// Throws `invalidData` with the first thing that is wrong; `ModelBundle.audit` lists them all.
  public convenience init(path: String, verify: Verification = .none) throws(Failure) {
    try self.init(path: path, verify: verify) { (path) throws(Failure) in
      try MappedFile(path: path)
    }
  }

  /// Tests map the file as it was before an edit.
  package convenience init(
    path: String, verify: Verification = .none, map: (String) throws(Failure) -> MappedFile
  ) throws(Failure) {
    let stable = try StableContainer(path: path, expected: .bundle, map: map)
    try self.init(stable, path: path, verify: verify)
  }

  /// Opens a file that nobody else edits while it is locked.
  convenience init(locked file: borrowing EditableFile) throws(Failure) {
    let mapped = try file.mapped()
    try FileContent.expect(.bundle, in: mapped.bytes, file: file.path)
    try self.init(
      opened: OpenedContainer(content: mapped.bytes, file: file.path), content: mapped.bytes,
      file: mapped, path: file.path, verify: .none)
  }

  /// Opens a file whose container was read already.
  convenience init(
    _ stable: StableContainer, path: String, verify: Verification
  ) throws(Failure) {
    try self.init(
      opened: stable.opened, content: stable.file.bytes, file: stable.file, path: path,
      verify: verify)
    DamageNotice.send(for: self)
  }

  /// Opens a bundle in memory; `name` takes the place of the path in error texts.
  public convenience init(
    bytes: ByteSlice, name: String, verify: Verification = .none
  ) throws(Failure) {
    try self.init(
      opened: OpenedContainer(content: bytes, file: name), content: bytes, file: nil, path: name,
      verify: verify)
  }

  /// A bundle whose header, record and table are known.
  init(
    opened: OpenedContainer, content: ByteSlice, file: MappedFile?, path: String,
    verify: Verification = .none
  ) throws(Failure) {
    self.opened = opened
    self.path = path
    self.content = content
    self.file = file
    generation = opened.record.generation
    sections = opened.content
    problems = opened.problems
    var positions: [Key: Int] = [:]
    positions.reserveCapacity(sections.count)
    var descriptors: [TensorDescriptor] = []
    for (index, section) in sections.enumerated() {
      positions[Key(type: section.typeID, name: Array(section.name.utf8))] = index
      if section.type?.holdsWeights == true {
        do throws(Failure) {
          descriptors.append(try TensorDescriptor(section: section))
        } catch { throw error.located(file: path) }
      }
    }
    self.positions = positions
    self.descriptors = descriptors.sorted {
      $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
    if verify != .none, let first = check(verify).first(where: { $0.severity == .error }) {
      throw Failure(.invalidData, file: path, at: first.place, first.finding)
    }
  }

  /// Bytes of the file, an unfinished edit's included.
  public var fileBytes: Int { content.count }
  /// "1.0".
  public var formatVersion: String {
    "\(ContainerLayout.majorVersion).\(opened.header.minorVersion)"
  }

  /// The section of this type and name; nil where there is none.
  public func section(_ type: SectionType, named name: String) -> Section? {
    positions[Key(type: type.rawValue, name: Array(name.utf8))].map { sections[$0] }
  }

  /// The sections of the type `type`, by name.
  public func sections(of type: SectionType) -> [Section] {
    sections.filter { $0.typeID == type.rawValue }
  }

  /// The stored bytes, not decoded.
  func storedBytes(of section: Section) throws(Failure) -> ByteSlice {
    guard section.storedSize > 0 else { return ByteSlice([]) }
    guard let bytes = content.slice(section.offset..<section.end) else {
      throw Failure(.invalidData, file: path, at: section.label, "lies outside the file")
    }
    return bytes
  }

  /// Gives the memory of all that was read back to the system; it is read again when it is needed.
  public func release() { content.release() }

  /// The section's raw bytes: a view of the mapped file, or, where compressed, a decoded copy.
  /// Throws `invalidData` where the section needs a feature that this program doesn't know, or
  /// can't be decoded.
  public func bytes(of section: Section) throws(Failure) -> ByteSlice {
    if let bit = SectionFlags.unknownBit(section.flags.read, known: SectionFlags.knownRead) {
      throw Failure(
        .invalidData, file: path, at: section.label,
        "needs feature \(bit) to be read, which this program doesn't know",
        advice: "use a newer ctpack")
    }
    let stored = try storedBytes(of: section)
    do throws(Failure) {
      switch section.codec {
      case .none: return stored
      case .zstd:
        // A document that may not take as much memory isn't decoded in the first place.
        if section.type?.isDocument == true { _ = try section.valueBudget() }
        return try Zstandard.decompressed(stored, size: section.rawSize)
      case .blocks: return try decodedBlocks(of: section, stored)
      }
    } catch {
      throw error.located(file: path, at: section.label)
    }
  }
}

/// The extents that aren't sections, to account for every byte of the file.
extension ModelBundle {
  /// The section table in force.
  public var tableExtent: Extent { opened.record.table }
  /// The places of removed and replaced sections and older tables; `compact` drops them.
  public var freeExtents: [Extent] { opened.table.free }
}
