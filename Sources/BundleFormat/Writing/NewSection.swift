import Bytes

/// A section on its way into a bundle.
public struct NewSection: Sendable {
  public var type: SectionType
  public var layout: PackingLayout
  public var flags: SectionFlags
  public var name: String
  public var attributes: JSONObject
  /// Raw bytes. Large ones are best slices of mapped files: they are only read when written.
  public var bytes: ByteSlice
  public var policy: CodecPolicy
  /// The tensor that this is a part of: what coding looks at besides the bytes.
  var tensor: StoredTensor?

  /// When to compress.
  public enum CodecPolicy: Sendable {
    /// Documents where it saves 3 % or more; tensors and prompts never, so that they can be mapped.
    case automatic
    case never
    /// Whenever it saves 3 % or more, tensors too: for artifacts that are shipped more than served.
    case whereItPays
    /// Documents as with `automatic`; parts of tensors in coded blocks where it saves 2 % or more.
    case coded
  }

  public init(
    type: SectionType, layout: PackingLayout, name: String, attributes: JSONObject = [:],
    bytes: ByteSlice, flags: SectionFlags = SectionFlags(), policy: CodecPolicy = .automatic
  ) {
    self.type = type
    self.layout = layout
    self.flags = flags
    self.name = name
    self.attributes = attributes
    self.bytes = bytes
    self.policy = policy
  }

  /// A document under its fixed name. JSON documents are written canonically.
  public static func document(_ type: SectionType, json: JSON) -> NewSection {
    NewSection(
      type: type, layout: .json, name: ModelBundle.documentName(type),
      bytes: ByteSlice(json.canonicalBytes), flags: documentFlags(type))
  }

  /// A document whose bytes are kept as they are. `layout`: text or raw.
  public static func document(
    _ type: SectionType, bytes: ByteSlice, layout: PackingLayout = .text
  ) -> NewSection {
    NewSection(
      type: type, layout: layout, name: ModelBundle.documentName(type), bytes: bytes,
      flags: documentFlags(type))
  }

  private static func documentFlags(_ type: SectionType) -> SectionFlags {
    [.evidence, .events, .provenance, .recipe, .licence, .ledger].contains(type)
      ? SectionFlags(optional: SectionFlags.informative) : SectionFlags()
  }

  public static func provenance(_ provenance: Provenance) -> NewSection {
    document(.provenance, json: provenance.json)
  }
  public static func evidence(_ records: [EvidenceRecord]) -> NewSection {
    document(.evidence, json: .array(records.map(\.json)))
  }
  public static func events(_ records: [EventRecord]) -> NewSection {
    document(.events, json: .array(records.map(\.json)))
  }

  /// A tensor's sections. `origin` says which stage made it.
  public static func tensor(
    _ tensor: StoredTensor, origin: SectionOrigin? = nil, policy: CodecPolicy = .automatic
  ) -> [NewSection] {
    let descriptor = tensor.descriptor
    var attributes = descriptor.attributes
    attributes["made_by"] = origin?.json
    let flags = SectionFlags(
      read: (descriptor.sparsity == nil ? 0 : SectionFlags.survivorsOnly)
        | (descriptor.interleaved ? SectionFlags.interleavedRows : 0))
    let parts: [(SectionType, PackingLayout, ByteSlice?)] = [
      (.tensorDense, descriptor.layout, tensor.dense),
      (.tensorCodes, descriptor.layout, tensor.codes),
      (.tensorScales, .f16, tensor.scales), (.tensorZeros, descriptor.layout, tensor.zeros),
      (.tensorMask, .bitmask, tensor.mask), (.tensorIndex, .nm, tensor.index),
    ]
    return parts.compactMap { type, layout, bytes in
      guard let bytes else { return nil }
      let holdsValues = type == .tensorDense || type == .tensorCodes
      var section = NewSection(
        type: type, layout: layout, name: descriptor.name,
        attributes: holdsValues ? attributes : [:],
        bytes: bytes, flags: holdsValues ? flags : SectionFlags(), policy: policy)
      section.tensor = tensor
      return section
    }
  }
}

/// What a section becomes on disk; still without an offset.
struct EncodedSection {
  var section: Section
  var stored: ByteSlice

  /// Throws `internalError` where the section breaks a rule that its maker should have kept.
  init(_ new: NewSection) throws(Failure) {
    let name = new.name.utf8
    func wrong(_ finding: String) -> Failure {
      Failure(.internalError, at: "section \"\(new.name)\"", finding)
    }
    guard !name.isEmpty, name.count <= ContainerLayout.maximumNameSize,
      new.name.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
    else { throw wrong("its name is empty, too long or holds control characters") }
    guard new.type.allows(new.layout) else {
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

  /// nil where the section isn't to be coded in blocks.
  private static func coded(_ new: NewSection) throws(Failure) -> ByteSlice? {
    guard new.policy == .coded, SectionType.isTensorPart(new.type.rawValue) else { return nil }
    return try CodedBlocks.encode(new).map { ByteSlice($0) }
  }

  /// nil where the section stays as it is.
  private static func compressed(_ new: NewSection) -> ByteSlice? {
    switch new.policy {
    case .never: return nil
    case .automatic, .coded: guard new.type.isDocument else { return nil }
    case .whereItPays: break
    }
    guard new.bytes.count >= 64, let frame = Zstandard.compress(new.bytes) else { return nil }
    let saves = frame.count <= new.bytes.count - new.bytes.count * 3 / 100
    let readable = new.bytes.count / ContainerLayout.maximumExpansion < frame.count
    return saves && readable ? ByteSlice(frame) : nil
  }

  /// A page for what is large and mapped, 64 bytes for the rest.
  private static func alignment(_ type: SectionType, _ size: Int, _ compressed: Bool) -> Int {
    !compressed && SectionType.isTensorPart(type.rawValue)
      && size >= ContainerLayout.pageAlignedFrom
      ? ContainerLayout.pageSize : ContainerLayout.tableAlignment
  }
}
