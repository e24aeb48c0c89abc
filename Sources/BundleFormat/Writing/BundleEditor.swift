import Bytes

/// Edits of a bundle in place: new sections and a new table are appended, then one commit record is
/// replaced.
///
/// Nothing that the old state needs is ever overwritten, so that a crash at any byte leaves the old
/// bundle or the new one. An edit writes the added sections and the table, never the weights.
public enum BundleEditor {
  /// The type and name of a section to drop.
  public struct Key: Sendable, Hashable {
    /// The section's type.
    public var type: SectionType
    /// The section's name.
    public var name: String
    /// The section of the type `type` with the name `name`.
    public init(type: SectionType, name: String) {
      self.type = type
      self.name = name
    }
  }

  /// Edits the bundle at `path` under its exclusive lock: opens the state in force, lets `decide` read
  /// it and say what to add and remove, and commits that in one step. Without changes nothing is
  /// written.
  ///
  /// There is no other way to edit, because what was read before the lock may be out of date when it is
  /// written. Work that takes long comes first, and `decide` then checks that the state in force is
  /// still the one that the work was done on (`BundleEdit.check`).
  ///
  /// - Returns: what `decide` returned, and the generation in force afterwards.
  /// - Throws: `busy` while another process edits, or if another file got the name meanwhile; `io`
  ///   where the system refuses (the old state stays good); `usage` where a section to remove isn't
  ///   there; `invalidData` where the bundle is damaged or needs a newer program to be changed; what
  ///   `decide` throws, and nothing is changed then.
  @discardableResult
  public static func edit<Result>(
    _ path: String, _ decide: (inout BundleEdit) throws(Failure) -> Result
  ) throws(Failure) -> (result: Result, generation: UInt64) {
    var file = try EditableFile(path: path)
    var edit = BundleEdit(bundle: try ModelBundle(locked: file))
    let result = try decide(&edit)
    guard edit.hasChanges else { return (result, edit.bundle.generation) }
    try file.checkNamed()
    let generation = try Self.edit(
      &file, path: path, adding: edit.added, removing: edit.removed)
    try file.checkNamed()
    return (result, generation)
  }

  /// The edit itself, on anything that can be edited: tests replay it with failing storage.
  package static func edit<File: EditableBytes & ~Copyable>(
    _ file: inout File, path: String, adding: [NewSection], removing: [Key]
  ) throws(Failure) -> UInt64 {
    let size = try file.size
    let opened = try OpenedContainer(file: path, size: size) {
      (offset, count) throws(Failure) in
      let end = min(offset + count, size)
      return offset >= end
        ? ByteSlice([]) : ByteSlice(try file.read(at: offset, count: end - offset))
    }
    try checkMayWrite(opened, path)
    let (generation, overflowed) = opened.record.generation.addingReportingOverflow(1)
    guard !overflowed else {
      throw Failure(
        .invalidData, file: path, "its generation number can't grow", advice: "compact it")
    }
    var kept = opened.content
    var free = opened.table.free
    free.append(opened.record.table)
    let there = SectionIndex(kept)
    var dropped: Set<Int> = []
    for key in removing {
      guard let at = there[key.type.rawValue, key.name], dropped.insert(at).inserted else {
        throw Failure(.usage, file: path, "there is no \(key.type) \"\(key.name)\" to remove")
      }
      release(kept[at], &free)
    }
    let names = Set(kept.lazy.filter { $0.type?.kind.name == .free }.map(\.name))
    var encoded: [EncodedSection] = []
    var entered = SectionIndex([])
    for section in adding {
      if let at = there[section.type.rawValue, section.name], dropped.insert(at).inserted {
        release(kept[at], &free)
      }
      guard entered.enter(section.type.rawValue, section.name, at: encoded.count) else {
        throw Failure(.usage, file: path, at: "section \"\(section.name)\"", "added twice")
      }
      // A section that was named by another program can be replaced, and what belongs to it added.
      let isNamed =
        there[section.type.rawValue, section.name] != nil || names.contains(section.name)
      encoded.append(try EncodedSection(section, isNamedAnew: !isNamed))
    }
    kept = kept.indices.filter { !dropped.contains($0) }.map { kept[$0] }
    dropOrphans(&kept, encoded, &free)
    let ended = SignedContent.ended(before: opened.content, kept: kept, added: encoded)
    for section in kept where section.type == .signature && ended.contains(section.name) {
      release(section, &free)
    }
    kept.removeAll { $0.type == .signature && ended.contains($0.name) }
    try SignedContent.checkAdded(encoded, kept: kept, path)
    try checkNames(kept + encoded.map(\.section), path)
    try checkBound(opened.content, kept, encoded, path)
    encoded.sort { Section.precedes($0.section, $1.section) }
    let copies = try copies(kept, encoded, opened, file, path)
    for copy in opened.table.sections where copy.type?.isCopy == true {
      if !copies.kept.contains(copy) { release(copy, &free) }
    }
    let change = Change(
      generation: generation, kept: kept, added: encoded, copies: copies, free: free)
    return try commit(&file, opened, change, size, path)
  }

  /// The copies for recovery of the content after an edit. Documents without one are read.
  private static func copies<File: EditableBytes & ~Copyable>(
    _ kept: [Section], _ added: [EncodedSection], _ opened: OpenedContainer, _ file: borrowing File,
    _ path: String
  ) throws(Failure) -> RecoveryCopies {
    let index = SectionIndex(added.map(\.section))
    return try RecoveryCopies(of: kept + added.map(\.section), there: opened.table.sections) {
      (document) throws(Failure) in
      if let at = index[document.typeID, document.name] { return added[at].stored }
      let bytes = ByteSlice(try file.read(at: document.offset, count: document.storedSize))
      guard XXH3Digest(hashing: bytes) == document.xxh3 else {
        throw Failure(
          .invalidData, file: path, at: document.label, "its XXH3-128 doesn't match its bytes",
          advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
      }
      return bytes
    }
  }

  /// Drops the kept sections that were computed from one that isn't there any more.
  private static func dropOrphans(
    _ kept: inout [Section], _ added: [EncodedSection], _ free: inout [Extent]
  ) {
    let all = kept + added.map(\.section)
    let index = SectionIndex(all)
    func isOrphan(_ section: Section) -> Bool {
      guard let owners = section.type?.kind.owners, !owners.isEmpty else { return false }
      return !owners.contains { owner in
        index[owner.rawValue, section.name].map { section.isComputed(from: all[$0]) } ?? false
      }
    }
    for section in kept where isOrphan(section) { release(section, &free) }
    kept.removeAll(where: isOrphan)
  }

  /// Prompts and adapters share their names.
  private static func checkNames(_ sections: [Section], _ path: String) throws(Failure) {
    guard let name = sections.namedTwice else { return }
    throw Failure(
      .usage, file: path, at: "prompt \"\(name)\"",
      "a soft prompt and an adapter can't have the same name",
      advice: "remove the one that is there, or choose another name")
  }

  private static func release(_ section: Section, _ free: inout [Extent]) {
    if section.storedSize > 0 {
      free.append(Extent(offset: section.offset, size: section.storedSize))
    }
  }

  /// Refuses to change a bundle that is damaged, or that says it needs more understanding than this
  /// program has.
  static func checkMayWrite(_ opened: OpenedContainer, _ path: String) throws(Failure) {
    func refuse(_ place: String, _ what: String) -> Failure {
      Failure(
        .invalidData, file: path, at: place, "can't be changed without understanding \(what)",
        advice: "use a newer ctpack")
    }
    try opened.refuseDamage(path)
    if opened.header.writeFlags != 0 {
      throw refuse("header", "feature \(opened.header.writeFlags.trailingZeroBitCount)")
    }
    if opened.header.minorVersion > ContainerLayout.minorVersion {
      throw refuse("header", "container version 1.\(opened.header.minorVersion)")
    }
    for section in opened.table.sections {
      if let bit = SectionFlags.unknownBit(section.flags.write, known: SectionFlags.knownWrite) {
        throw refuse(section.label, "feature \(bit)")
      }
      if section.type == nil, section.flags.write & SectionFlags.typeNeededToWrite != 0 {
        throw refuse(section.label, "its type")
      }
    }
  }

  /// Tensors may not change under a section that was made for them.
  private static func checkBound(
    _ before: [Section], _ kept: [Section], _ added: [EncodedSection], _ path: String
  ) throws(Failure) {
    let after = kept + added.map(\.section)
    guard ContentDigest.weights(before) != ContentDigest.weights(after),
      let bound = kept.first(where: { $0.flags.write & SectionFlags.boundToWeights != 0 })
    else { return }
    throw Failure(
      .usage, file: path, at: bound.label, "is bound to the tensors, which this edit would change",
      advice: "remove it in the same edit")
  }
}
