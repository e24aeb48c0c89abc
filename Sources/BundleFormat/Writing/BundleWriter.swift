import Bytes

/// A writer of new bundles in canonical form: sections in the table's order, generation 1, and no
/// gaps but zeros for alignment.
///
/// The bytes depend on the sections alone, not on the order in which they are added. The file appears
/// complete or not at all.
public struct BundleWriter: ~Copyable {
  /// The file to be written.
  public let path: String
  /// The storage of tensors whose section has no policy of its own.
  public let storage: TensorStorage
  /// Whether the file has copies for recovery; intermediate files can do without.
  public let hasCopies: Bool
  private var pending: [Pending] = []
  /// Whether the file is the program's own, in a work folder, rather than one that the user named.
  private let isOwn: Bool

  /// Sections wait here until `finish` knows their order; their bytes stay where they are.
  private enum Pending {
    case new(NewSection)
    case stored(EncodedSection)
    /// Read and stored anew when its turn comes, so that only one is in memory.
    case recoded(Section, ModelBundle)

    var key: (UInt16, String) {
      switch self {
      case .new(let section): (section.type.rawValue, section.name)
      case .stored(let encoded): (encoded.section.typeID, encoded.section.name)
      case .recoded(let section, _): (section.typeID, section.name)
      }
    }
  }

  /// Nothing is created before `finish`.
  public init(path: String, storage: TensorStorage = .mapped, hasCopies: Bool = true) {
    self.path = path
    self.storage = storage
    self.hasCopies = hasCopies
    isOwn = false
  }

  /// A bundle in a work folder: a link of its name is replaced instead of followed, and no lock is
  /// taken.
  package init(
    ownFile path: String, storage: TensorStorage = .mapped, hasCopies: Bool = false
  ) {
    self.path = path
    self.storage = storage
    self.hasCopies = hasCopies
    isOwn = true
  }

  /// Adds a section; a part of a tensor in this bundle's storage unless it has a policy of its own.
  public mutating func add(_ section: NewSection) {
    var section = section
    if section.policy == .automatic, SectionType.isTensorPart(section.type.rawValue) {
      section.policy = storage.policy
    }
    pending.append(.new(section))
  }

  /// Adds several sections, such as those of a tensor.
  public mutating func add(_ sections: [NewSection]) { for section in sections { add(section) } }

  /// Adds a section with exactly these properties.
  public mutating func add(
    type: SectionType, layout: PackingLayout, name: String, attributes: JSONObject = [:],
    bytes: ByteSlice, flags: SectionFlags = SectionFlags(),
    policy: NewSection.CodecPolicy = .automatic
  ) {
    add(
      NewSection(
        type: type, layout: layout, name: name, attributes: attributes, bytes: bytes, flags: flags,
        policy: policy))
  }

  /// Adds the sections of a tensor. `origin`: the stage that made it.
  public mutating func addTensor(
    _ tensor: StoredTensor, origin: SectionOrigin? = nil,
    policy: NewSection.CodecPolicy = .automatic
  ) {
    add(NewSection.tensor(tensor, origin: origin, policy: policy))
  }

  /// Adds the section of an adapter.
  public mutating func addAdapter(_ adapter: StoredAdapter) { add(.adapter(adapter)) }

  /// Takes a section over as it is stored, after checking its hash.
  public mutating func add(copying section: Section, from bundle: ModelBundle) throws(Failure) {
    pending.append(.stored(try EncodedSection(copying: section, from: bundle)))
  }

  /// Takes a section over in this bundle's storage: tensors are coded or decoded where they have to
  /// be, everything else stays as it is stored. What it means doesn't change.
  public mutating func add(recoding section: Section, from bundle: ModelBundle) throws(Failure) {
    let wanted: Codec = storage == .coded ? .blocks : .none
    guard SectionType.isTensorPart(section.typeID), section.type != nil, section.layout != nil,
      section.codec != wanted
    else { return try add(copying: section, from: bundle) }
    pending.append(.recoded(section, bundle))
  }

  /// The digest that `ModelBundle.weightsDigest` will have, to bind prompts to weights before they
  /// are written. Hashes all tensors.
  public func weightsDigest() throws(Failure) -> SHA256Digest {
    var sections: [Section] = []
    for entry in pending where SectionType.isTensorPart(entry.key.0) {
      switch entry {
      case .new(var section):
        // The digest is of raw bytes: coding them would be for nothing.
        section.policy = .never
        sections.append(try EncodedSection(section).section)
        section.bytes.release()
      case .stored(let encoded): sections.append(encoded.section)
      case .recoded(let section, _): sections.append(section)
      }
    }
    return ContentDigest.weights(sections)
  }

  private func encode(_ entry: Pending) throws(Failure) -> EncodedSection {
    switch entry {
    case .new(let section): try EncodedSection(section)
    case .stored(let encoded): encoded
    case .recoded(let section, let bundle):
      try EncodedSection(recoding: section, from: bundle, storage: storage)
    }
  }

  /// Writes, publishes and returns the bundle's canonical digest. A symbolic link is followed; a file
  /// that is there already is locked while it is replaced, by `rule`, and passes its mode and owner on.
  ///
  /// - Throws: `busy` while another process edits the file to be replaced; `cannotCreate` where `rule`
  ///   keeps it, or the folder allows no new file; `invalidData` where a reader would refuse a new
  ///   document, prompt or adapter. Nothing is published then.
  @discardableResult
  public consuming func finish(
    replacing rule: ReplacementRule = .any
  ) throws(Failure) -> SHA256Digest {
    try finish(replacing: rule, isChecked: true)
  }

  /// Writes and publishes without asking whether a reader would refuse the content, for tests of
  /// readers.
  @discardableResult
  package consuming func finishUnchecked() throws(Failure) -> SHA256Digest {
    try finish(replacing: .any, isChecked: false)
  }

  private consuming func finish(
    replacing rule: ReplacementRule, isChecked: Bool
  ) throws(Failure) -> SHA256Digest {
    if isOwn {
      var file = try AtomicFileWriter(path: path)
      let sections = try write(to: &file, isChecked: isChecked)
      try file.publish()
      return ContentDigest.canonical(sections)
    }
    let destination = try FileDestination(path)
    var file = try AtomicFileWriter(destination)
    let sections = try write(to: &file, isChecked: isChecked)
    let lock = try ReplacementLock(destination)
    if lock.exists { try rule.check(FileDestination(path), sections: sections) }
    try file.publish(replacing: lock)
    return ContentDigest.canonical(sections)
  }

  /// Writes the bundle in place of the file that `held` locks.
  ///
  /// - Throws: `busy` if another file got its name meanwhile.
  consuming func finish(over held: borrowing EditableFile) throws(Failure) -> SHA256Digest {
    var file = try AtomicFileWriter(FileDestination(path))
    let sections = try write(to: &file, isChecked: true)
    try file.publish(if: { () throws(Failure) in try held.checkNamed() })
    return ContentDigest.canonical(sections)
  }

  /// Writes the whole file. Returns its content: all sections but the copies for recovery.
  private mutating func write(
    to writer: inout AtomicFileWriter, isChecked: Bool
  ) throws(Failure) -> [Section] {
    pending.sort {
      let (a, b) = ($0.key, $1.key)
      return a.0 != b.0 ? a.0 < b.0 : a.1.utf8.lexicographicallyPrecedes(b.1.utf8)
    }
    for (a, b) in zip(pending, pending.dropFirst()) where a.key.0 == b.key.0 {
      guard !a.key.1.utf8.elementsEqual(b.key.1.utf8) else {
        throw Failure(.usage, file: path, at: "section \"\(a.key.1)\"", "added twice")
      }
    }
    let header = Header()
    try writer.write(header.bytes)
    try writer.pad(to: ContainerLayout.bodyOffset)
    var sections: [Section] = []
    var new: [EncodedSection] = []
    var documents: [[UInt8]: ByteSlice] = [:]
    for entry in pending {
      let encoded = try encode(entry)
      if RecoveryCopies.isCopied(encoded.section) {
        documents[Array(RecoveryCopies.name(of: encoded.section).utf8)] = encoded.stored
      }
      if case .new = entry, !SectionType.isTensorPart(encoded.section.typeID) {
        new.append(encoded)
      }
      var section = encoded.section
      if section.storedSize > 0 {
        try writer.pad(to: section.alignment)
        section.offset = writer.offset
        try writer.write(encoded.stored)
        // Read to be hashed and written, and not again: a large model would pile up in memory.
        encoded.stored.release()
      }
      sections.append(section)
    }
    if let name = sections.namedTwice {
      throw Failure(
        .invalidData, file: path, at: "prompt \"\(name)\"", "is there as an adapter too",
        advice: "remove one of the two from the bundle that is copied")
    }
    let content = sections
    if hasCopies {
      let copies = try RecoveryCopies(of: sections, there: []) { (document) throws(Failure) in
        documents[Array(RecoveryCopies.name(of: document).utf8)] ?? ByteSlice([])
      }
      if !copies.isEmpty {
        try writer.pad(to: ContainerLayout.pageSize)
        let placed = copies.placed(
          at: writer.offset, header: header.bytes, generation: 1, content: content, free: [])
        try writer.write(placed.bytes)
        sections += placed.sections
      }
    }
    try writer.pad(to: ContainerLayout.tableAlignment)
    let table = SectionTable(generation: 1, sections: sections, free: []).bytes
    let record = CommitRecord(
      generation: 1, table: Extent(offset: writer.offset, size: table.count),
      fileLength: writer.offset + table.count, tableXXH3: XXH3Digest(hashing: table),
      tableSHA256: SHA256Digest(hashing: table), header: header.digest)
    if isChecked { try CommitCheck(header, record, table: table, path).check(new) }
    try writer.write(table)
    try writer.overwrite(at: ContainerLayout.recordOffsets[record.slot], record.bytes)
    return content
  }
}
