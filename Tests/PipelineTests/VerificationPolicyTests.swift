import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing

/// Policies of `ctpack verify`: their form, and each rule met and missed.
@Suite struct VerificationPolicyTests {
  let folder: TemporaryFolder
  let path: String
  let key: SigningKey
  let other: SigningKey

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    key = try SigningKey(path: try folder.write("signer.pem", SampleKeys.signer))
    other = try SigningKey(path: try folder.write("other.pem", SampleKeys.other))
    try folder.write("signer.pub.pem", SampleKeys.signerPublic)
    try folder.write("other.pub.pem", SampleKeys.otherPublic)
    try write()
  }

  /// A bundle with a tensor, a prompt, and measurements of both models.
  private func write(events: [EventRecord] = [], ofTheseWeights: Bool = true) throws {
    var writer = BundleWriter(path: path)
    writer.addTensor(
      try .dense(
        name: "w", shape: [2], format: .float32, values: ByteSlice([UInt8](floats: [1, 2]))))
    let weights = try writer.weightsDigest()
    writer.addAdapter(
      StoredAdapter(
        name: "p", tokens: 1, width: 2, embeddings: [0, 1],
        binding: .init(baseModel: nil, tokenizer: nil, weights: weights),
        objective: "kl"))
    func record(_ model: String, _ prompt: String?, _ ppl: Double) -> EvidenceRecord {
      EvidenceRecord(
        protocol: "ctp-64", text: "held-out", textDigest: SHA256Digest(hashing: [1]), model: model,
        modelDigest: model == "full"
          ? SHA256Digest(hashing: [2])
          : ofTheseWeights ? weights : SHA256Digest(hashing: [3]), prompt: prompt, ppl: ppl,
        pplStandardError: 0, nll: 1, scoredTokens: 10, tokens: 10, windows: 1)
    }
    writer.add(
      .evidence([
        record("full", nil, 10), record("compressed", nil, 20), record("compressed", "p", 12),
      ])
    )
    writer.add(.events(events))
    try writer.finish()
  }

  private func policy(_ text: String) throws -> VerificationPolicy {
    try VerificationPolicy(path: try folder.write("policy.yaml", text))
  }

  private func verify(
    _ text: String?, keys: [SigningKey] = []
  ) throws -> BundleVerification {
    try BundleVerification(
      path, keys: keys.map(\.verifyingKey), policy: try text.map(policy), sidecar: nil)
  }

  @Test func everyFieldIsRead() throws {
    let policy = try policy(
      """
      signers:
        weights: signer.pub.pem
        prompts: [signer.pub.pem, \(other.verifyingKey.id.hex)]
      evidence:
        - {text: held-out, protocol: ctp-64, prompt: p}
        - text: dev
      gate: {max_ppl: 30, held-out: {max_ratio_to_full: 1.5}}
      no_events: true
      minimum_format_version: 1.0
      digest: \(SHA256Digest(hashing: [9]).hex)
      """)
    #expect(
      policy.signers == [
        .weights: [.key(key.verifyingKey, file: "signer.pub.pem")],
        .prompts: [
          .key(key.verifyingKey, file: "signer.pub.pem"), .id(other.verifyingKey.id),
        ],
      ])
    #expect(policy.evidence.map(\.text) == ["held-out", "dev"])
    #expect(policy.evidence[0].protocol == "ctp-64" && policy.evidence[0].prompt == "p")
    #expect(policy.gate.all.maxPerplexity == 30)
    #expect(policy.gate.limits(for: "held-out").maxRatioToFull == 1.5)
    #expect(policy.noEvents && policy.minimumFormatVersion == "1.0")
    #expect(policy.digest == SHA256Digest(hashing: [9]).hex)
    #expect(policy.keys == [key.verifyingKey, key.verifyingKey])
  }

  /// Unknown keys and values are refused with their line: a rule that isn't applied protects nothing.
  @Test(arguments: [
    ("no_event: true", "did you mean `no_events`"), ("no_events: true\nsigner: x", "unknown key"),
    ("signers: {weigths: signer.pub.pem}", "did you mean `weights`"),
    ("signers: {weights: missing.pem}", "missing.pem"), ("signers: {weights: []}", "names no key"),
    ("signers: {weights: signer.pem}", "private key"), ("signers: {weights: {a: b}}", "expected"),
    ("evidence: [{protocol: x}]", "text"), ("evidence: [{text: a, protocoll: x}]", "protocol"),
    ("gate: {max_pl: 3}", "neither a limit"), ("gate: {held-out: {max_pl: 3}}", "max_ppl"),
    ("gate: {margin_se: 2}", "no limit to apply it to"), ("gate: {min_same_top: 2}", "outside"),
    ("gate: {max_ppl: low}", "number"), ("no_events: maybe", "true or false"),
    ("minimum_format_version: one", "version"), ("digest: abc", "64"),
    ("no_events: false", "nothing"),
    ("{}", "nothing"), ("[a, b]", "pairs"), ("signers: {}", "nothing"),
    ("no_events: true\nno_events: true", "twice"),
  ])
  func whatIsNotUnderstoodIsRefused(text: String, word: String) {
    let failure = #expect(throws: Failure.self) { try policy(text) }
    #expect(failure?.description.contains(word) == true, "\(failure as Any)")
    #expect(failure?.kind == .invalidData || failure?.kind == .inputMissing)
  }

  @Test func withoutKeyAndPolicyNothingIsVerified() throws {
    #expect(try verify(nil).verdict == .notMet)
    try BundleSigner.sign(path, with: key)
    #expect(try verify(nil).verdict == .notMet)
    #expect(try verify(nil, keys: [key]).verdict == .verified)
    #expect(try verify(nil, keys: [other]).verdict == .notMet)
    #expect(try verify("no_events: true").verdict == .verified)
  }

  /// With keys alone, every tree with content must be signed.
  @Test func everyTreeMustBeSigned() throws {
    for tree in ContentTree.allCases {
      try write()
      try BundleSigner.sign(
        path, trees: ContentTree.allCases.filter { $0 != tree }, with: key)
      let result = try verify(nil, keys: [key])
      #expect(result.verdict == .notMet)
      #expect(result.findings == ["\(tree.rawValue) signed: unsigned"])
    }
  }

  /// Every named signer must have signed, whoever else did.
  @Test func signersAreRequired() throws {
    let both = "signers: {weights: [signer.pub.pem, \(other.verifyingKey.id.hex)]}"
    func misses(_ text: String, _ keys: [SigningKey] = []) throws -> [String] {
      try verify(text, keys: keys).requirements.compactMap(\.miss)
    }
    #expect(try misses(both) == ["unsigned", "unsigned"])
    try BundleSigner.sign(path, trees: [.weights], with: key)
    #expect(try misses(both) == ["signed by other keys"])
    try BundleSigner.sign(path, trees: [.weights], with: other)
    #expect(try misses(both) == ["the key itself wasn't given (--key)"])
    #expect(try verify(both, keys: [other]).verdict == .verified)
    #expect(try misses("signers: {prompts: signer.pub.pem}") == ["unsigned"])
  }

  @Test func anInvalidSignatureIsWorseThanNone() throws {
    try BundleSigner.sign(path, with: key)
    let bundle = try ModelBundle(path: path)
    var writer = BundleWriter(path: folder.file("b.ctpack"))
    for section in bundle.sections where section.type != .events {
      try writer.add(copying: section, from: bundle)
    }
    try writer.finish()
    let result = try BundleVerification(
      folder.file("b.ctpack"), keys: [], policy: try policy("no_events: true"), sidecar: nil)
    #expect(result.verdict == .invalid)
    #expect(result.findings.first?.contains("signs other evidence") == true)
  }

  @Test(arguments: [
    ("evidence: [{text: held-out}]", true), ("evidence: [{text: other}]", false),
    ("evidence: [{text: held-out, protocol: ctp-64, prompt: p}]", true),
    ("evidence: [{text: held-out, protocol: ctp-65}]", false),
    ("evidence: [{text: held-out, prompt: none}]", true),
    ("evidence: [{text: held-out, prompt: q}]", false),
    ("evidence: [{text: held-out, text_sha256: \(SHA256Digest(hashing: [1]).hex)}]", true),
    ("evidence: [{text: held-out, text_sha256: \(SHA256Digest(hashing: [2]).hex)}]", false),
    ("gate: {max_ppl: 12}", true), ("gate: {max_ppl: 11.9}", false),
    ("gate: {max_ratio_to_full: 1.2}", true), ("gate: {max_ratio_to_full: 1.19}", false),
    ("gate: {min_gap_closed: 0.8}", true), ("gate: {min_gap_closed: 0.81}", false),
    ("gate: {max_ppl: 12, margin_se: 2}", true), ("gate: {max_kl: 100}", false),
    ("gate: {max_ratio_to_full: 2, margin_se: 1}", false),
    ("gate: {max_ppl: 1, held-out: {max_ppl: 12}}", true),
    ("gate: {other: {max_ppl: 100}}", false), ("no_events: true", true),
    ("minimum_format_version: 1.0", true), ("minimum_format_version: 0.9", true),
    ("minimum_format_version: 1.10", false), ("minimum_format_version: 2.0", false),
    ("digest: \(SHA256Digest(hashing: [1]).hex)", false),
  ])
  func rulesAboutTheContent(text: String, isMet: Bool) throws {
    let result = try verify(text)
    #expect(result.verdict == (isMet ? .verified : .notMet), "\(result.findings)")
    #expect(result.problems.isEmpty)
  }

  @Test func theExpectedDigestIsMet() throws {
    let digest = try ModelBundle(path: path).canonicalDigest.hex
    #expect(try verify("digest: \(digest)").verdict == .verified)
    try BundleSigner.sign(path, with: key)
    #expect(try verify("digest: \(digest)").verdict == .verified)
  }

  @Test func eventsAreNamed() throws {
    try write(events: [EventRecord(stage: "compress", kind: "dead-columns")])
    let result = try verify("no_events: true")
    #expect(result.findings == ["no numerical events: found dead-columns (1)"])
  }

  /// Numbers of other weights say nothing about these.
  @Test(arguments: ["evidence: [{text: held-out}]", "gate: {max_ppl: 100}"])
  func evidenceOfOtherWeightsDoesNotCount(text: String) throws {
    #expect(try verify(text).verdict == .verified)
    try write(ofTheseWeights: false)
    #expect(try verify(text).verdict == .notMet)
  }

  /// A file's signature takes the place of those inside, unless the policy names signers.
  @Test func theFileSignatureCoversEverything() throws {
    let sidecar = try folder.write(
      "a.sig", FileSignature(signing: path, with: key).json.canonicalBytes)
    func verdict(_ keys: [SigningKey], _ text: String? = nil) throws -> BundleVerification.Verdict {
      try BundleVerification(
        path, keys: keys.map(\.verifyingKey), policy: try text.map(policy), sidecar: sidecar
      ).verdict
    }
    #expect(try verdict([key]) == .verified)
    #expect(try verdict([other]) == .notMet)
    #expect(try verdict([]) == .notMet)
    #expect(try verdict([key], "signers: {weights: signer.pub.pem}") == .notMet)
    try BundleSigner.sign(path, with: key)
    #expect(try verdict([key]) == .invalid)
    try folder.write("a.sig", "{")
    #expect(try verdict([key]) == .invalid)
  }

  @Test func aDamagedBundleIsInvalid() throws {
    try BundleSigner.sign(path, with: key)
    var bytes = try folder.read("a.ctpack")
    let section = try #require(try ModelBundle(path: path).sections.first)
    bytes[section.offset] ^= 1
    try folder.write("a.ctpack", bytes)
    #expect(try verify(nil, keys: [key]).verdict == .invalid)
    try folder.write("a.ctpack", "no bundle")
    let result = try verify("no_events: true")
    #expect(result.verdict == .invalid && result.bundle == nil && result.findings.count == 1)
  }
}
