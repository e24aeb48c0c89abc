import Bytes

/// The recovery of a damaged bundle: every section that verifies, in a new sound bundle.
///
/// The newest state whose section table is there is taken: by a commit record, by a backup, or by
/// its form. A damaged document is taken from its copy. What can't be used without something that is
/// lost is left out too: the other parts of a tensor, keys of a prompt, a signature of other
/// content. Where tensors are lost, prompts are marked as never measured on these weights.
public struct BundleRecovery: Sendable {
  /// A section, or a whole state, that the new bundle doesn't have.
  public struct Loss: Sendable, Equatable {
    /// The section's type and name, or "generation 3".
    public let name: String
    /// The reason, as a clause.
    public let reason: String
  }

  /// The generation that was recovered.
  public let generation: UInt64
  /// The findings of the fast check on the damaged bundle.
  public let damage: [Problem]
  /// The sections and states that are lost; a newer state first.
  public private(set) var losses: [Loss] = []
  /// The labels of documents that were taken from their copies.
  public private(set) var fromCopies: [String] = []
  /// The labels of prompts and adapters that are marked as never measured on what is left.
  public private(set) var unvalidated: [String] = []
  /// The digest of the new bundle's content.
  public private(set) var digest = SHA256Digest(hashing: [])

  private let path: String
  private let content: ByteSlice
  private var opened: OpenedContainer

  /// Recovers the bundle at `path` into a new file `target`.
  /// - Throws: `inputMissing`; `invalidData` where nothing usable is left, or a newer program is
  ///   needed; `cannotCreate` where `target` exists.
  public init(_ path: String, to target: String) throws(Failure) {
    if (try? FileIdentity(path: target)) != nil {
      throw Failure(.cannotCreate, file: target, "already exists", advice: "name another file")
    }
    let file = try MappedFile(path: path)
    let damaged = try DamagedBundle(file.bytes, path: path)
    damage = ModelBundle.audit(bytes: file.bytes, name: path, level: .fast).filter {
      $0.severity == .error
    }
    guard let state = damaged.state else {
      throw Failure(
        .invalidData, file: path, "nothing can be recovered: no section table is left",
        advice: "take another copy of the file")
    }
    generation = state.table.generation
    (self.path, content) = (path, file.bytes)
    var table = state.table
    table.free = []
    let record = CommitRecord(
      generation: generation, table: Extent(offset: ContainerLayout.bodyOffset, size: 0),
      fileLength: file.bytes.count, tableXXH3: XXH3Digest(hashing: []),
      tableSHA256: SHA256Digest(hashing: []), header: state.header.digest)
    opened = OpenedContainer(header: state.header, record: record, table: table)
    try opened.refuseUnknownTypes(path)
    try BundleEditor.checkMayWrite(opened, path)
    if let lost = damaged.lostGeneration {
      losses.append(
        Loss(name: "generation \(lost)", reason: "its commit record or its section table is lost"))
    }
    let sections = opened.content.count
    try keepIntact()
    try keepUsable()
    if opened.table.sections.isEmpty, sections > 0 {
      throw Failure(
        .invalidData, file: path, "nothing can be recovered: no section is intact",
        advice: "take another copy of the file")
    }
    try write(to: target)
  }

  /// Keeps the sections that match their hashes, and documents whose copies do.
  private mutating func keepIntact() throws(Failure) {
    let all = opened.table.sections
    let damaged = Set(try bundle().checkHashes())
    var copies: [[UInt8]: Section] = [:]
    for (index, section) in all.enumerated() where section.type == .documentCopy {
      if !damaged.contains(index) { copies[Array(section.name.utf8)] = section }
    }
    var kept: [Section] = []
    for (index, section) in all.enumerated() where section.type?.isCopy != true {
      if !damaged.contains(index) {
        kept.append(section)
      } else if let copy = copies[Array(RecoveryCopies.name(of: section).utf8)],
        copy.isCopy(of: section)
      {
        var moved = section
        moved.offset = copy.offset
        kept.append(moved)
        fromCopies.append(section.label)
      } else {
        losses.append(Loss(name: section.label, reason: "its bytes are damaged"))
      }
    }
    opened.table.sections = kept
  }

  /// Drops what the full check finds fault with, until it finds nothing.
  private mutating func keepUsable() throws(Failure) {
    // Each round drops a section at least.
    while !opened.table.sections.isEmpty {
      dropIncompleteTensors()
      let problems: [Problem]
      do throws(Failure) {
        try markUnvalidated()
        problems = try bundle().checkMeaning(skipping: []).filter { $0.severity == .error }
      } catch {
        problems = [Problem(at: error.place ?? "", error.finding)]
      }
      if problems.isEmpty { return }
      var reasons: [String: String] = [:]
      for problem in problems { reasons[problem.place] = problem.finding }
      let count = opened.table.sections.count
      drop { section in
        reasons[section.label] ?? reasons["tensor \"\(section.name)\""]
          ?? section.type.flatMap { reasons["\($0)"] }
      }
      guard opened.table.sections.count < count else {
        throw Failure(
          .invalidData, file: path, at: problems[0].place,
          "what is intact doesn't make a sound bundle: \(problems[0].finding)")
      }
    }
  }

  /// Drops the sections for which `reason` gives one.
  private mutating func drop(_ reason: (Section) -> String?) {
    opened.table.sections.removeAll { section in
      guard let reason = reason(section) else { return false }
      losses.append(Loss(name: section.label, reason: reason))
      return true
    }
  }

  /// Drops the parts of tensors of which another part is lost.
  private mutating func dropIncompleteTensors() {
    let lost = Set(losses.map(\.name))
    drop { section in
      guard SectionType.isTensorPart(section.typeID) else { return nil }
      for type in SectionType.allCases where SectionType.isTensorPart(type.rawValue) {
        if lost.contains("\(type) \"\(section.name)\"") {
          return "another part of its tensor is lost"
        }
      }
      return nil
    }
  }

  /// Marks the prompts and adapters that were neither learned nor measured on what is left of the
  /// weights.
  private mutating func markUnvalidated() throws(Failure) {
    let strangers = Set(try bundle().checkBindings().map(\.place))
    for index in opened.table.sections.indices {
      let section = opened.table.sections[index]
      guard section.type == .prompt || section.type == .adapter,
        strangers.contains("prompt \"\(section.name)\"")
      else { continue }
      opened.table.sections[index].attributes["unvalidated"] = true
      unvalidated.append(section.label)
    }
  }

  private func bundle() throws(Failure) -> ModelBundle {
    try ModelBundle(opened: opened, content: content, file: nil, path: path)
  }

  private mutating func write(to target: String) throws(Failure) {
    let bundle = try bundle()
    var writer = BundleWriter(path: target)
    for section in bundle.sections { try writer.add(copying: section, from: bundle) }
    digest = try writer.finish()
  }
}
