import BundleFormat
import Bytes
import RecipeFields

/// The table of a policy's fields.
extension VerificationPolicy {
  /// The name of the top-level section in messages.
  static let top = "the policy"

  package static let fields: [RecipeField<VerificationPolicy>] = [
    RecipeField(
      "signers",
      descriptions: { _ in
        [
          FieldDescription(
            "signers", type: "section", default: "none",
            "the keys that must have signed `weights`, `prompts` and `evidence`: for each a file with a public key, a key's id, or a list of them, of which every one must have signed"
          )
        ]
      },
      read: { source, policy in
        guard source.has("signers") else { return false }
        let own = source.section("signers")
        for tree in ContentTree.allCases { policy.read(tree, own) }
        own.finish()
        return true
      }),
    RecipeField(
      "evidence",
      descriptions: { _ in
        [
          FieldDescription(
            "evidence", type: "list of sections", default: "none",
            "measurements of these very weights that must be there",
            fields: Measurement.fields.descriptions(of: Measurement()))
        ]
      },
      read: { source, policy in
        policy.evidence = source.sections("evidence").map { own in
          var measurement = Measurement()
          own.read(Measurement.fields, into: &measurement)
          if !own.has("text") { own.note("text", "is missing: it needs a text's name") }
          own.finish()
          return measurement
        }
        return !policy.evidence.isEmpty
      }),
    RecipeField(
      "gate",
      descriptions: { _ in
        [
          FieldDescription(
            "gate", type: "section", default: "no limits",
            "limits of the measured numbers, as in a recipe",
            fields: GateRecipe.fieldDescriptions)
        ]
      },
      read: { source, policy in
        guard source.has("gate") else { return false }
        policy.gate = GateRecipe(policy: source.section("gate"))
        return true
      }),
    .flag("no_events", \.noEvents, "whether numerical events of the build are forbidden"),
    .text(
      "minimum_format_version", \.minimumFormatVersion, absent: "any",
      "the least version of the container, such as `1.0`"),
    .text(
      "digest", \.digest, absent: "any", "the content digest, as `ctpack inspect` prints it"),
  ]

  /// Reads the keys that must have signed a tree.
  private mutating func read(_ tree: ContentTree, _ source: any FieldSource) {
    let name = tree.rawValue
    source.expect(name)
    guard source.has(name), let section = source as? RecipeSection else { return }
    let texts = source.list(name)
    if texts.isEmpty { source.note(name, "names no key") }
    for text in texts {
      if let id = SHA256Digest(hex: text) {
        signers[tree, default: []].append(.id(id))
        continue
      }
      guard !text.isEmpty, case .success(let path) = section.paths.resolve(text) else {
        source.note(name, "expected a file with a public key or a key's id (64 digits)")
        continue
      }
      do throws(Failure) {
        signers[tree, default: []].append(.key(try VerifyingKey(path: path), file: text))
      } catch {
        section.note(name, error.description, kind: error.kind)
      }
    }
  }

  /// Reads and checks the policy file at `path`; paths within it are relative to its folder.
  /// - Throws: `inputMissing`; `invalidData` with the line of each problem.
  package init(path: String) throws(Failure) {
    let problems = RecipeProblems(file: path)
    let section = RecipeSection(
      try YAMLDocument.load(path: path), section: Self.top, problems: problems,
      paths: RecipePaths(recipe: path))
    self.init()
    section.read(Self.fields, into: &self)
    if let version = minimumFormatVersion, FormatVersion(version) == nil {
      section.note("minimum_format_version", "expected a version such as `1.0`")
    }
    if let digest, SHA256Digest(hex: digest) == nil {
      section.note("digest", "expected 64 lower-case hexadecimal digits")
    }
    section.finish()
    try problems.check()
    guard !isEmpty else {
      throw Failure(
        .invalidData, file: path, "requires nothing",
        advice: "give it one of \(Self.fields.map(\.name).joined(separator: ", "))")
    }
  }
}

extension VerificationPolicy.Measurement {
  /// The table of a required measurement's fields.
  static let fields: [RecipeField<VerificationPolicy.Measurement>] = [
    .text("text", \.text, "the text's name"),
    .text("protocol", \.protocol, absent: "any", "the evaluation protocol"),
    .text("text_sha256", \.textDigest, absent: "any", "SHA-256 of the text"),
    .text(
      "prompt", \.prompt, absent: "any", "the prompt that it was measured with; `none` for none"),
  ]
}

/// A version of the container: major and minor number.
struct FormatVersion: Comparable {
  let major: Int
  let minor: Int

  /// Reads "1.0"; nil for anything else.
  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let major = Int(parts[0]), let minor = Int(parts[1]), major >= 0,
      minor >= 0
    else { return nil }
    (self.major, self.minor) = (major, minor)
  }

  static func < (a: FormatVersion, b: FormatVersion) -> Bool {
    (a.major, a.minor) < (b.major, b.minor)
  }
}
