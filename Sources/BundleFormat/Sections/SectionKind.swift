import Bytes

/// The rules of one section type, which writer, reader, editor and audit follow.
///
/// Each type has one, beside its constructors (`NewSection`) and its accessors (`ModelBundle`) in a
/// file of this folder.
struct SectionKind: Sendable {
  /// The layouts that a section of the type may have.
  var layouts: [PackingLayout]
  var name: Name
  /// The flags of every section of the type; those that depend on the content come on top.
  var flags = SectionFlags()
  var owner: Owner?
  /// The type's own part of the full check, after hashes, layout, UTF-8 and `made_by`.
  /// Returns what is wrong, as a clause; nil for nothing. Throws where the content can't be read.
  var check: @Sendable (SectionContent) throws(Failure) -> String? = { _ in nil }

  /// The names that sections of a type have.
  enum Name: Equatable {
    /// That of the tensor or adapter: one section for each.
    case free
    /// Always the same: at most one section in a bundle.
    case fixed(String)
  }

  /// A section that another one can't do without. The two have the same name.
  enum Owner {
    /// The tensor whose part it is.
    case tensor
    /// A section of one of `types` whose raw bytes it was computed from, on the weights as they
    /// are.
    ///
    /// The attributes `prompt` and `weights` are the digests of both. The editor drops it with its
    /// owner, the audit reports it without one, and a reader ignores it where a digest is another.
    case section(types: [SectionType])
  }
}

extension SectionKind {
  /// The name of the type's only section; nil where each section has its own.
  var fixedName: String? {
    if case .fixed(let name) = name { name } else { nil }
  }

  /// The types of sections that one of this type is computed from; empty where it is independent.
  var owners: [SectionType] {
    if case .section(let types) = owner { types } else { [] }
  }

  var isPartOfTensor: Bool {
    if case .tensor = owner { true } else { false }
  }
}

/// A section with its raw bytes and its bundle, to be checked.
struct SectionContent {
  var section: Section
  var bytes: ByteSlice
  var bundle: ModelBundle
}

extension Section {
  /// Whether this was computed from the content of `owner`, which has the same name.
  func isComputed(from owner: Section) -> Bool {
    guard let type, let ownerType = owner.type, type.kind.owners.contains(ownerType) else {
      return false
    }
    return owner.isSame(type: owner.typeID, name: name)
      && attributes["prompt"]?.string == owner.sha256.hex
  }
}

extension ModelBundle {
  /// The fault of a section whose owner is missing or whose weights are others; nil if it can be
  /// used, or has no owner.
  func staleness(of section: Section) -> String? {
    guard let owners = section.type?.kind.owners, !owners.isEmpty else { return nil }
    let owner = owners.lazy.compactMap { self.section($0, named: section.name) }.first
    guard let owner, section.isComputed(from: owner) else {
      return "the prompt that it belongs to isn't there"
    }
    return section.attributes["weights"]?.string == weightsDigest.hex
      ? nil : "it is of other weights"
  }
}

extension NewSection {
  /// A section with its type's flags and, unless another is given, its type's first layout.
  init(
    _ type: SectionType, name: String, layout: PackingLayout? = nil, attributes: JSONObject = [:],
    bytes: ByteSlice
  ) {
    self.init(
      type: type, layout: layout ?? type.kind.layouts[0], name: name, attributes: attributes,
      bytes: bytes, flags: type.kind.flags)
  }
}
