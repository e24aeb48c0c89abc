import Bytes

/// A part of a bundle's content that is signed by itself, so that an edit of one part leaves the
/// signatures of the others valid. Every section but signatures and copies for recovery belongs to
/// exactly one tree.
public enum ContentTree: String, Sendable, CaseIterable {
  /// Tensors, tokenizer, configuration, and the documents of the build that made them: recipe,
  /// provenance, licence, ledger. Sections of unknown types count here, so that one can't be added
  /// unseen.
  case weights
  /// Prompts and adapters with their keys, values and routing keys.
  case prompts
  /// Measured perplexities, choices among prompts, and numerical events.
  case evidence

  /// The tree of a section of the type `typeID`; nil for signatures and copies for recovery.
  static func of(_ typeID: UInt16) -> ContentTree? {
    switch typeID {
    case SectionType.signature.rawValue, SectionType.backup.rawValue,
      SectionType.documentCopy.rawValue:
      nil
    case 16...31: .prompts
    case SectionType.evidence.rawValue, SectionType.events.rawValue: .evidence
    default: .weights
    }
  }

  /// The sections of `all` that belong to the tree.
  func sections(in all: [Section]) -> [Section] { all.filter { Self.of($0.typeID) == self } }

  /// SHA-256 over the tree's sections, as `ContentDigest` lists them; the tree's name is part of
  /// it, so that one tree's digest is never another's.
  func root(of all: [Section]) -> SHA256Digest {
    ContentDigest.of(sections(in: all), label: "ctpack \(rawValue) tree 1")
  }
}

extension ModelBundle {
  /// The digest of a tree, which signatures name.
  public func root(of tree: ContentTree) -> SHA256Digest { tree.root(of: sections) }

  /// Whether a tree has no section.
  public func isEmpty(_ tree: ContentTree) -> Bool { tree.sections(in: sections).isEmpty }
}
