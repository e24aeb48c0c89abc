import Bytes

/// The signing of a bundle's trees in place.
public enum BundleSigner {
  /// The outcome of signing.
  public struct Result: Sendable {
    /// The trees that have a new signature.
    public var signed: [ContentTree] = []
    /// The trees that the same key had signed already, with the same statement.
    public var unchanged: [ContentTree] = []
    /// The trees that were left out because they have no content.
    public var empty: [ContentTree] = []
    /// The names of signatures that were removed because they were about other content.
    public var removed: [String] = []
  }

  /// Signs trees of the bundle at `path` and appends the signatures. The bundle is checked in full
  /// first: damage isn't vouched for.
  ///
  /// - Parameters:
  ///   - trees: the trees to sign; nil for all that have content.
  ///   - time: the time to state, such as "2026-01-31T12:00:00Z"; nil for none.
  /// - Throws: `invalidData` where the bundle is damaged; `usage` for a tree without content;
  ///   `busy` where the bundle was changed meanwhile, or another process edits it.
  @discardableResult
  public static func sign(
    _ path: String, trees: [ContentTree]? = nil, with key: SigningKey, time: String? = nil
  ) throws(Failure) -> Result {
    let bundle = try ModelBundle(path: path)
    let verifying = key.verifyingKey
    var result = Result()
    var (added, replaced): ([NewSection], Set<String>) = ([], [])
    let verified = bundle.verifySignatures(keys: [verifying])
    for tree in trees ?? ContentTree.allCases {
      if bundle.isEmpty(tree) {
        guard trees == nil else {
          throw Failure(.usage, file: path, "has no \(tree.rawValue) to sign")
        }
        result.empty.append(tree)
        continue
      }
      let present = verified.first { $0.tree == tree }?.signatures ?? []
      result.removed += present.filter { $0.status == .invalid }.map(\.name)
      let statement = try bundle.statement(tree, key: verifying, time: time)
      let name = StoredSignature.name(tree, verifying.id)
      if let section = bundle.section(.signature, named: name),
        let stored = try? StoredSignature(section: section, bytes: bundle.bytes(of: section)),
        stored.statement == statement, verifying.accepts(stored.signature, for: statement.message)
      {
        result.unchanged.append(tree)
        continue
      }
      let signature = StoredSignature(
        statement, signature: try key.signature(of: statement.message))
      added.append(.signature(signature))
      replaced.insert(name)
      result.signed.append(tree)
    }
    let outgoing = replaced.union(result.removed)
    let labels = Set(
      bundle.sections(of: .signature).filter { outgoing.contains($0.name) }.map(\.label))
    try bundle.opened.refuseDamage(path)
    let errors = bundle.check(.full).filter {
      $0.severity == .error && !labels.contains($0.place) && !bundle.problems.contains($0)
    }
    if let first = errors.first {
      throw Failure(
        .invalidData, file: path, at: first.place, first.finding,
        advice: "a damaged bundle isn't signed")
    }
    result.removed.removeAll(where: replaced.contains)
    if !added.isEmpty || !result.removed.isEmpty {
      let (signatures, outdated) = (added, result.removed)
      try BundleEditor.edit(path) { (edit) throws(Failure) in
        guard edit.bundle.opened.record.tableSHA256 == bundle.opened.record.tableSHA256 else {
          throw Failure(
            .busy, file: path, "was changed while it was being signed", advice: "sign it again")
        }
        edit.add(signatures)
        for name in outdated { edit.remove(.init(type: .signature, name: name)) }
      }
    }
    return result
  }
}
