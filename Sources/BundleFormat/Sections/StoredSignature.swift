import Bytes

/// A signature of one of a bundle's trees: the statement that it vouches for, and 64 bytes.
public struct StoredSignature: Sendable {
  /// The statement.
  public var statement: SignatureStatement
  /// The signature of the statement's message: 64 bytes.
  public var signature: [UInt8]

  /// The section's name: the tree, a colon, and the key's id, so that a key signs a tree once.
  public var name: String { Self.name(statement.tree, statement.key) }

  static func name(_ tree: ContentTree, _ key: SHA256Digest) -> String {
    "\(tree.rawValue):\(key.hex)"
  }

  /// The statement of a signature's section, whose name must agree with it.
  /// - Throws: `invalidData` where it isn't a statement.
  static func statement(of section: Section) throws(Failure) -> SignatureStatement {
    let statement = try SignatureStatement(json: .object(section.attributes))
    guard section.name.utf8.elementsEqual(name(statement.tree, statement.key).utf8) else {
      throw Failure(.invalidData, "its name isn't that of its tree and key")
    }
    return statement
  }

  /// - Throws: `invalidData` where the statement or the size is wrong.
  init(section: Section, bytes: ByteSlice) throws(Failure) {
    statement = try Self.statement(of: section)
    signature = bytes.array
    guard signature.count == SignatureAlgorithm.signatureSize else {
      throw Failure(.invalidData, "a signature of \(signature.count) bytes, not 64")
    }
  }

  /// The statement `statement` with its signature.
  init(_ statement: SignatureStatement, signature: [UInt8]) {
    self.statement = statement
    self.signature = signature
  }
}

extension SectionKind {
  /// A signature. Its statement must be about the bundle as it is: one that an edit has left beside
  /// other content is a fault, as a routing key of other weights is.
  static let signature = SectionKind(layouts: [.raw], name: .free) { (content) throws(Failure) in
    let stored = try StoredSignature(section: content.section, bytes: content.bytes)
    return try content.bundle.contradiction(of: stored.statement)
  }
}

extension NewSection {
  /// The section of a signature.
  static func signature(_ stored: StoredSignature) -> NewSection {
    NewSection(
      .signature, name: stored.name, attributes: stored.statement.json.object ?? [:],
      bytes: ByteSlice(stored.signature))
  }
}
