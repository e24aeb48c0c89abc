import Bytes

/// A rule for an existing file that a new bundle would replace. Whatever the rule, a file that another
/// process is editing is never replaced.
public enum ReplacementRule: Sendable {
  /// Any file is replaced.
  case any
  /// A bundle that was edited since it was built is kept, unless it holds nothing else than the new one.
  ///
  /// A bundle was edited if its generation is above 1. As compacting starts again at 1, it also counts
  /// as edited if it holds prompts, measurements or signatures that its own recipe doesn't make, and
  /// the new bundle lacks.
  case unedited

  /// Checks the file at `destination`, if there is one.
  ///
  /// - Parameter new: the bundle that would replace it; nil if it isn't known yet, and only what its own
  ///   recipe doesn't make counts as an edit.
  /// - Throws: `cannotCreate` where the rule keeps the file.
  public func check(_ destination: FileDestination, by new: ModelBundle?) throws(Failure) {
    try check(destination, sections: new?.sections)
  }

  func check(_ destination: FileDestination, sections: [Section]?) throws(Failure) {
    guard self == .unedited, destination.exists,
      FileContent(of: try MappedFile(path: destination.path).bytes) == .bundle
    else { return }
    func keep(_ finding: String) -> Failure {
      Failure(
        .cannotCreate, file: destination.name, finding,
        advice: "name another file, or allow it to be replaced", reason: .bundleEdited)
    }
    let old: ModelBundle
    do throws(Failure) {
      old = try ModelBundle(path: destination.path)
    } catch {
      guard error.kind == .invalidData else { throw error }
      throw keep(
        "is a damaged bundle, perhaps an edited one, and isn't replaced (\(error.finding))")
    }
    if let damage = old.problems.first(where: { $0.severity == .error }) {
      throw keep("is a damaged bundle, perhaps an edited one, and isn't replaced (\(damage))")
    }
    let edits = EditedContent(of: old, without: sections ?? [])
    if sections != nil, old.generation > 1 {
      guard !edits.isSame else { return }
      throw keep(
        "was edited since it was built (generation \(old.generation)\(edits.list(": "))), and isn't"
          + " replaced")
    }
    if !edits.isEmpty {
      throw keep("was edited since it was built\(edits.list(": ")), and isn't replaced")
    }
  }
}

extension Failure.Reason {
  /// An edited bundle would be replaced.
  public static let bundleEdited = Failure.Reason("bundle.edited")
}

/// The content of a bundle that its own recipe didn't make, as far as another bundle lacks it.
private struct EditedContent {
  /// "prompt "news"", "the evidence" …
  private var parts: [String] = []
  /// Whether the other bundle has exactly the same content.
  let isSame: Bool

  var isEmpty: Bool { parts.isEmpty }

  /// The parts in one line after `separator`; nothing without parts.
  func list(_ separator: String) -> String {
    guard !parts.isEmpty else { return "" }
    let more = parts.count > 5 ? " and \(parts.count - 5) more" : ""
    return separator + parts.prefix(5).joined(separator: ", ") + more
  }

  init(of bundle: ModelBundle, without sections: [Section]) {
    /// A digest of a section's type, name and content, without its place in the file.
    func identity(_ section: Section) -> SHA256Digest {
      ContentDigest.of([section], label: "section")
    }
    let new = Set(sections.map(identity))
    isSame = Set(bundle.sections.map(identity)) == new
    let recipe = try? bundle.document(.recipe).flatMap { try? JSON(parsing: $0) }
    // A bundle of other origin has no recipe in this form, so that nothing can be told from its content.
    guard let recipe, recipe.object != nil else { return }
    let built = recipe["prompt"]?["name"]?.string
    for section in bundle.sections where !new.contains(identity(section)) {
      switch section.type {
      case .prompt, .adapter:
        if section.name != built { parts.append("prompt \"\(section.name)\"") }
      case .signature: parts.append("signature \"\(section.name)\"")
      case .evidence: if Self.isEdited(bundle, built) { parts.append("measurements") }
      default: break
      }
    }
  }

  /// Whether the evidence holds measurements that a build doesn't make: with other prompts than the
  /// recipe's, or of texts that the build didn't read.
  private static func isEdited(_ bundle: ModelBundle, _ built: String?) -> Bool {
    guard let records = try? bundle.evidence, let provenance = (try? bundle.provenance) ?? nil
    else { return false }
    let texts = Set(provenance.data.map(\.sha256))
    return records.contains { record in
      let isForeignText = record.textDigest.map { !texts.contains($0) } ?? true
      return record.choice != nil || isForeignText
        || (record.prompt.map { $0 != built } ?? false)
    }
  }
}
