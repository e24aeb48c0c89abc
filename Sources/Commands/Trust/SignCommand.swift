import ArgumentParser
import BundleFormat
import Bytes

/// The command `ctpack sign`.
struct SignCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Sign a bundle's weights, prompts and evidence, each by itself.",
    discussion: """
      A signature is stored in the bundle and is about content, not about bytes: it stays valid when \
      the bundle is compacted, recoded between mapped and coded, or copied. The weights' signature \
      (tensors, tokenizer, configuration, recipe, provenance, licence) stays valid when prompts are \
      added, transferred or removed. An edit of the prompts or the evidence ends the signature of \
      what it changes, which is unsigned until it is signed again. Signing doesn't change the \
      content digest. The bundle is checked in full first.

      --sidecar writes a signature of the whole file in the form of OpenSSF Model Signing, which \
      `model_signing verify key BUNDLE --signature FILE --public_key PUB.pem` checks too. Any edit \
      of the file ends it, `ctpack compact` and `ctpack sign` included: sign the file last.

      Make a key pair with OpenSSL (`-algorithm ED25519` for Ed25519, which signs inside bundles \
      only):

        (umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem)
        openssl pkey -in key.pem -pubout -out pub.pem
      """)

  /// The trees to sign.
  enum Choice: String, CaseIterable, ExpressibleByArgument {
    case all, weights, prompts, evidence, none

    /// nil for all that have content.
    var trees: [ContentTree]? {
      switch self {
      case .all: nil
      case .weights: [.weights]
      case .prompts: [.prompts]
      case .evidence: [.evidence]
      case .none: []
      }
    }
  }

  @Argument(help: "The bundle, which is signed in place.") var bundle: String
  @Option(
    help: ArgumentHelp(
      "The private key: ECDSA P-256 or Ed25519, PEM, without a password.", valueName: "file"))
  var key: String
  @Option(help: "What to sign in the bundle: all, weights, prompts, evidence or none.")
  var tree: Choice = .all
  @Option(
    help: ArgumentHelp("Also write a signature of the whole file there.", valueName: "file"))
  var sidecar: String?
  @Option(
    help: ArgumentHelp(
      "A time to state, such as 2026-01-31T12:00:00Z (default: none; no clock is read).",
      valueName: "time"))
  var time: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if let time, !SignatureStatement.isTime(time) {
      throw ValidationError("--time takes a UTC time such as 2026-01-31T12:00:00Z")
    }
    if tree == .none, sidecar == nil {
      throw ValidationError("--tree none signs nothing without --sidecar")
    }
  }

  func run() throws {
    threads.limit()
    let key = try SigningKey(path: key)
    let verifying = key.verifyingKey
    guard sidecar == nil || verifying.algorithm == .ecdsaP256 else {
      throw Failure(
        .usage, file: self.key,
        "is an Ed25519 key, and OpenSSF Model Signing takes ECDSA alone",
        advice: "write the sidecar with a P-256 key")
    }
    if let sidecar, let there = try? FileIdentity(path: sidecar) {
      for path in [bundle, self.key] where try there.isSameFile(as: FileIdentity(path: path)) {
        throw Failure(
          .usage, file: sidecar, at: "--sidecar", "is the file \(path) itself",
          advice: "name another file")
      }
    }
    let result = try BundleSigner.sign(bundle, trees: tree.trees, with: key, time: time)
    if let sidecar {
      let signature = try FileSignature(signing: bundle, with: key)
      try AtomicFile.write(
        Array((signature.json.canonicalText + "\n").utf8), to: FileDestination(sidecar))
    }
    let trees = try ModelBundle(path: bundle).verifySignatures(keys: [verifying])
    if json { return try Output.print(Self.json(bundle, verifying, result, trees, sidecar)) }
    try Output.print("\(bundle): \(verifying.algorithm.label) key \(verifying.id.hex)")
    for tree in trees {
      let state =
        result.signed.contains(tree.tree)
        ? "signed"
        : result.unchanged.contains(tree.tree)
          ? "signed already, with the same statement"
          : result.empty.contains(tree.tree) ? "nothing to sign" : nil
      if let state { try Output.print("  \(tree.tree.rawValue): \(state)") }
    }
    for name in result.removed {
      try Output.print("  removed \"\(name)\", which was about other content")
    }
    if let sidecar {
      try Output.print("  the whole file: \(sidecar), valid until the next edit")
    }
  }

  private static func json(
    _ bundle: String, _ key: VerifyingKey, _ result: BundleSigner.Result,
    _ trees: [TreeVerification], _ sidecar: String?
  ) -> JSON {
    [
      "bundle": .string(bundle), "key": .string(key.id.hex),
      "algorithm": .string(key.algorithm.rawValue),
      "signed": JSON(result.signed.map(\.rawValue)),
      "unchanged": JSON(result.unchanged.map(\.rawValue)),
      "empty": JSON(result.empty.map(\.rawValue)), "removed": JSON(result.removed),
      "trees": .array(trees.map(\.json)), "sidecar": sidecar.map { .string($0) } ?? .null,
    ]
  }
}
