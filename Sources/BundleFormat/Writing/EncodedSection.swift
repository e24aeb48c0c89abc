import Bytes

/// A section in the form in which it is stored, still without an offset.
struct EncodedSection {
  var section: Section
  var stored: ByteSlice

  /// A section whose entry is known but for the offset.
  init(section: Section, stored: ByteSlice) {
    self.section = section
    self.stored = stored
  }

  /// - Parameter isNamedAnew: whether the name is given here; if false, it is that of a section
  ///   that another bundle holds, which may have a name that isn't given any more.
  /// - Throws: `invalidData` where the section breaks a rule of the format.
  init(_ new: NewSection, isNamedAnew: Bool = true) throws(Failure) {
    func wrong(_ finding: String) -> Failure {
      Failure(.invalidData, at: "section \"\(new.name)\"", finding)
    }
    if let fault = new.nameFault(isNamedAnew: isNamedAnew) { throw wrong(fault) }
    guard !new.type.isCopy else { throw wrong("a \(new.type) is made by the writer alone") }
    guard new.type.kind.layouts.contains(new.layout) else {
      throw wrong("a \(new.type) can't be \(new.layout.label)")
    }
    let coded = try Self.coded(new)
    let compressed = coded ?? Self.compressed(new)
    stored = compressed ?? new.bytes
    section = Section(
      typeID: new.type.rawValue, layoutID: new.layout.rawValue, flags: new.flags,
      codec: coded != nil ? .blocks : compressed != nil ? .zstd : .none,
      alignment: Self.alignment(new.type, stored.count, compressed != nil), offset: 0,
      storedSize: stored.count, rawSize: new.bytes.count, xxh3: XXH3Digest(hashing: stored),
      sha256: SHA256Digest(hashing: new.bytes), name: new.name, attributes: new.attributes)
  }

  /// A section of another bundle, taken over as it is stored.
  init(copying section: Section, from bundle: ModelBundle) throws(Failure) {
    self.section = section
    stored = try bundle.storedBytes(of: section)
    guard XXH3Digest(hashing: stored) == section.xxh3 else {
      throw Failure(
        .invalidData, file: bundle.path, at: section.label, "its XXH3-128 doesn't match its bytes")
    }
    stored.release()
  }

  /// The stored bytes in coded blocks; nil if the section isn't to be coded.
  private static func coded(_ new: NewSection) throws(Failure) -> ByteSlice? {
    guard new.policy == .coded, SectionType.isTensorPart(new.type.rawValue) else { return nil }
    return try CodedBlocks.encode(new).map { ByteSlice($0) }
  }

  /// The stored bytes as a zstd frame; nil if the section stays as it is.
  private static func compressed(_ new: NewSection) -> ByteSlice? {
    switch new.policy {
    case .never: return nil
    case .automatic, .coded: guard new.type.isDocument else { return nil }
    case .whereItPays: break
    }
    guard new.bytes.count >= 64, let frame = Zstandard.compress(new.bytes) else { return nil }
    let saves = frame.count <= new.bytes.count - new.bytes.count * 3 / 100
    let readable = new.bytes.count / ContainerLayout.maximumExpansion < frame.count
    return saves && readable && fits(new, compressed: frame.count) ? ByteSlice(frame) : nil
  }

  /// Whether a reader may use as much memory as the document takes if it is stored in `compressed`
  /// bytes.
  private static func fits(_ new: NewSection, compressed: Int) -> Bool {
    // No text of this size can take more than the base, whatever its values are.
    guard new.type.isDocument, new.bytes.count > 1 << 19 else { return true }
    do throws(Failure) {
      var budget = InputBudget(compressed: compressed)
      try budget.take(new.bytes.count)
      if new.layout == .json { _ = try JSON(parsing: new.bytes, budget: &budget) }
      return true
    } catch { return false }
  }

  /// A page for a large mapped tensor, 64 bytes for the rest.
  private static func alignment(_ type: SectionType, _ size: Int, _ compressed: Bool) -> Int {
    !compressed && SectionType.isTensorPart(type.rawValue)
      && size >= ContainerLayout.pageAlignedFrom
      ? ContainerLayout.pageSize : ContainerLayout.tableAlignment
  }
}
