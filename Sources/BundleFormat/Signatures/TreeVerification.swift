import Bytes

/// The outcome of checking one signature.
public struct SignatureVerification: Sendable {
  /// A verdict.
  public enum Status: String, Sendable {
    /// One of the given keys has signed this content.
    case valid
    /// The statement is about this content, but no key was given.
    case notChecked = "not checked"
    /// The statement is about this content, but its key isn't among the given ones.
    case unknownSigner = "unknown signer"
    /// The statement is about other content, is malformed, or its key didn't sign it.
    case invalid
  }

  /// The section's name.
  public let name: String
  /// The statement; nil where it can't be read.
  public let statement: SignatureStatement?
  /// The verdict.
  public let status: Status
  /// The reason why it is invalid; nil otherwise.
  public let finding: String?
}

/// The outcome of checking the signatures of one tree.
public struct TreeVerification: Sendable {
  /// A verdict.
  public enum Status: String, Sendable {
    /// At least one of the given keys has signed the tree, and no signature is invalid.
    case valid
    /// Signatures are there, but no key was given.
    case notChecked = "not checked"
    /// Signatures are there, but none by a given key.
    case unknownSigner = "unknown signer"
    /// The tree has content, but no signature.
    case unsigned
    /// The tree has neither content nor a signature.
    case empty
    /// A signature is invalid.
    case invalid
  }

  /// The tree.
  public let tree: ContentTree
  /// The tree's digest.
  public let root: SHA256Digest
  /// Sections in the tree.
  public let sections: Int
  /// Its signatures, in the table's order.
  public let signatures: [SignatureVerification]

  /// The verdict over all signatures.
  public var status: Status {
    func any(_ status: SignatureVerification.Status) -> Bool {
      signatures.contains { $0.status == status }
    }
    if any(.invalid) { return .invalid }
    if any(.valid) { return .valid }
    if any(.unknownSigner) { return .unknownSigner }
    if any(.notChecked) { return .notChecked }
    return sections == 0 ? .empty : .unsigned
  }

  /// The ids of the keys whose signatures are valid.
  public var signers: [SHA256Digest] {
    signatures.filter { $0.status == .valid }.compactMap { $0.statement?.key }
  }
}

extension ModelBundle {
  /// Whether there is any signature, of whatever tree.
  public var isSigned: Bool { sections.contains { $0.type == .signature } }

  /// The outcome of checking every signature with the keys `keys`, one element for each tree. The
  /// digests of the table are taken as they are: `check(.full)` compares them with the bytes.
  public func verifySignatures(keys: [VerifyingKey] = []) -> [TreeVerification] {
    let content = signedContent
    let checked = sections(of: .signature).map { verify($0, keys) }
    return ContentTree.allCases.map { tree in
      TreeVerification(
        tree: tree, root: content.root(tree), sections: tree.sections(in: sections).count,
        signatures: checked.filter { signature in
          // One whose statement can't be read counts for the tree that its name begins with.
          signature.statement.map { $0.tree == tree }
            ?? signature.name.hasPrefix(tree.rawValue + ":")
        })
    }
  }

  private func verify(_ section: Section, _ keys: [VerifyingKey]) -> SignatureVerification {
    func result(
      _ status: SignatureVerification.Status, _ statement: SignatureStatement? = nil,
      _ finding: String? = nil
    ) -> SignatureVerification {
      SignatureVerification(
        name: section.name, statement: statement, status: status, finding: finding)
    }
    do throws(Failure) {
      let stored = try StoredSignature(section: section, bytes: try bytes(of: section))
      let statement = stored.statement
      if let finding = try contradiction(of: statement) {
        return result(.invalid, statement, finding)
      }
      if keys.isEmpty { return result(.notChecked, statement) }
      guard let key = keys.first(where: { $0.id == statement.key }) else {
        return result(.unknownSigner, statement)
      }
      guard key.algorithm == statement.algorithm,
        key.accepts(stored.signature, for: statement.message)
      else { return result(.invalid, statement, "it isn't a signature by the key that it names") }
      return result(.valid, statement)
    } catch {
      return result(.invalid, nil, (error.place.map { $0 + ": " } ?? "") + error.finding)
    }
  }
}
