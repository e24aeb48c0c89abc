import Bytes
import Synchronization

/// The digests of a section table that signatures name. Nothing but the table is read, so that an
/// edit can tell in time which signatures it ends.
struct SignedContent {
  private let weights: SHA256Digest
  private let allPrompts: SHA256Digest
  private let evidence: SHA256Digest
  /// The sections of the prompts' tree by the UTF-8 of their names.
  private let prompts: [[UInt8]: [Section]]
  /// SHA-256 of the tokenizer section's raw bytes; nil if there is none.
  let tokenizer: SHA256Digest?

  init(_ sections: [Section]) {
    weights = ContentTree.weights.root(of: sections)
    allPrompts = ContentTree.prompts.root(of: sections)
    evidence = ContentTree.evidence.root(of: sections)
    prompts = Dictionary(grouping: ContentTree.prompts.sections(in: sections)) {
      Array($0.name.utf8)
    }
    tokenizer =
      sections.first {
        $0.type == .tokenizer && $0.name == ModelBundle.documentName(.tokenizer)
      }?.sha256
  }

  func root(_ tree: ContentTree) -> SHA256Digest {
    switch tree {
    case .weights: weights
    case .prompts: allPrompts
    case .evidence: evidence
    }
  }

  /// The digest of all that is stored of the prompt `name` (values, keys and values, routing key),
  /// as JSON; null if there is no such prompt.
  func prompt(_ name: String) -> JSON {
    prompts[Array(name.utf8)].map { .string(ContentDigest.of($0, label: "ctpack prompt 1").hex) }
      ?? .null
  }

  /// The first digest of `statement` that isn't the content's, as a clause; nil if all are.
  func contradiction(of statement: SignatureStatement) -> String? {
    if statement.root != root(statement.tree) {
      return "it signs other \(statement.tree.rawValue) than the bundle has"
    }
    if let weights = statement.weights, weights != root(.weights) {
      return "it signs \(statement.tree.rawValue) of other weights than the bundle has"
    }
    if statement.tree == .weights, statement.tokenizer != tokenizer {
      return "it names another tokenizer than the bundle has"
    }
    for (name, digest) in statement.prompts ?? [:] where digest != prompt(name) {
      return "it signs evidence of another prompt \"\(name)\" than the bundle has"
    }
    return nil
  }

  /// The first fault of a signature's section, its statement against the content included; nil for
  /// none. The signature itself isn't checked.
  func fault(of section: Section) -> String? {
    do throws(Failure) {
      return contradiction(of: try StoredSignature.statement(of: section))
    } catch {
      return (error.place.map { $0 + ": " } ?? "") + error.finding
    }
  }
}

extension SignedContent {
  /// The names of the kept signatures that an edit ends: those that were about the content before, and aren't
  /// about the content after. One that was wrong before stays, so that no edit hides a forgery.
  static func ended(
    before: [Section], kept: [Section], added: [EncodedSection]
  ) -> Set<String> {
    let signatures = kept.filter { $0.type == .signature }
    guard !signatures.isEmpty else { return [] }
    let (old, new) = (SignedContent(before), SignedContent(kept + added.map(\.section)))
    return Set(
      signatures.filter { old.fault(of: $0) == nil && new.fault(of: $0) != nil }.map(\.name))
  }

  /// Refuses new signatures that aren't about the content after the edit: the bundle was changed
  /// while it was being signed.
  static func checkAdded(
    _ added: [EncodedSection], kept: [Section], _ path: String
  ) throws(Failure) {
    let signatures = added.map(\.section).filter { $0.type == .signature }
    guard !signatures.isEmpty else { return }
    let content = SignedContent(kept + added.map(\.section))
    for section in signatures {
      guard let fault = content.fault(of: section) else { continue }
      throw Failure(
        .busy, file: path, at: section.label,
        fault + ": it was changed while it was being signed", advice: "sign it again")
    }
  }
}

/// The content of a bundle that signatures name, computed once, however many signatures there are.
final class SignedContentCache: Sendable {
  private struct Values {
    var content: SignedContent?
    var prompts: [String]?
  }

  private let values = Mutex(Values())

  /// The digests of `sections`, which must be the same at every call.
  func content(_ sections: [Section]) -> SignedContent {
    values.withLock { values in
      if let content = values.content { return content }
      let content = SignedContent(sections)
      values.content = content
      return content
    }
  }

  /// The names that `read` returns at the first call.
  func prompts(_ read: () throws(Failure) -> [String]) throws(Failure) -> [String] {
    if let known = values.withLock({ $0.prompts }) { return known }
    let names = try read()
    values.withLock { $0.prompts = names }
    return names
  }
}
