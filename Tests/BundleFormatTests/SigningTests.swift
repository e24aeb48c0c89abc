import BundleFormat
import Bytes
import TestSupport
import Testing

/// Signatures of the trees through the edits of a bundle's life.
@Suite struct SigningTests {
  let folder: TemporaryFolder
  let path: String
  let signing: Signing

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    signing = try Signing(folder)
    try Samples.write(path)
  }

  /// Evidence that was measured with the prompt `name`.
  private func evidence(with name: String?) -> NewSection {
    var record = Samples.evidence
    record.prompt = name
    return .evidence([Samples.evidence, record])
  }

  @Test func everyTreeIsSignedAndTheDigestStays() throws {
    let digest = try ModelBundle(path: path).canonicalDigest
    #expect(
      try signing.status(path) == [
        .weights: .unsigned, .prompts: .unsigned, .evidence: .unsigned,
      ])
    let result = try BundleSigner.sign(path, with: signing.key, time: "2026-01-31T12:00:00Z")
    #expect(result.signed == ContentTree.allCases)
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.check(.full).isEmpty)
    #expect(bundle.canonicalDigest == digest)
    for tree in bundle.verifySignatures(keys: [signing.key.verifyingKey]) {
      #expect(tree.status == .valid && tree.signers == [signing.key.verifyingKey.id])
      let statement = try #require(tree.signatures.first?.statement)
      #expect(statement.root == tree.root && statement.root == bundle.root(of: tree.tree))
      #expect(statement.time == "2026-01-31T12:00:00Z")
      #expect((statement.weights == nil) == (tree.tree == .weights))
      if tree.tree == .weights {
        #expect(statement.baseModel == Samples.digest("model"))
        #expect(statement.tokenizer == bundle.tokenizerDigest)
      }
    }
  }

  @Test func verdictsDependOnTheKeys() throws {
    try BundleSigner.sign(path, trees: [.weights], with: signing.key)
    try BundleSigner.sign(path, trees: [.weights, .prompts], with: signing.edwards)
    func weights(_ keys: [SigningKey]) throws -> TreeVerification.Status? {
      try signing.status(path, keys: keys.map(\.verifyingKey))[.weights]
    }
    #expect(try weights([]) == .notChecked)
    #expect(try weights([signing.other]) == .unknownSigner)
    #expect(try weights([signing.other, signing.key]) == .valid)
    #expect(try weights([signing.edwards]) == .valid)
    #expect(try signing.status(path)[.prompts] == .unknownSigner)
    let trees = try ModelBundle(path: path).verifySignatures(
      keys: [signing.key.verifyingKey, signing.edwards.verifyingKey])
    #expect(trees[0].signers.count == 2)
  }

  @Test func signingAgainChangesNothing() throws {
    try BundleSigner.sign(path, with: signing.key)
    let before = try folder.read("a.ctpack")
    let again = try BundleSigner.sign(path, with: signing.key)
    #expect(again.signed.isEmpty && again.unchanged == ContentTree.allCases)
    #expect(try folder.read("a.ctpack") == before)
    // Another time is another statement, which takes the place of the old one.
    let timed = try BundleSigner.sign(path, with: signing.key, time: "2026-01-31T12:00:00Z")
    #expect(timed.signed == ContentTree.allCases)
    #expect(try ModelBundle(path: path, verify: .full).sections(of: .signature).count == 3)
  }

  /// The form of storage isn't signed: compacted and recoded copies keep every signature.
  @Test func storageKeepsSignatures() throws {
    try BundleSigner.sign(path, with: signing.key)
    let valid = try signing.status(path)
    #expect(valid.values.allSatisfy { $0 == .valid })
    try BundleEditor.compact(path, to: folder.file("compact.ctpack"))
    try BundleEditor.recode(path, to: folder.file("coded.ctpack"), storage: .coded)
    try BundleEditor.recode(
      folder.file("coded.ctpack"), to: folder.file("mapped.ctpack"), storage: .mapped)
    for name in ["compact", "coded", "mapped"] {
      let copy = folder.file(name + ".ctpack")
      #expect(try signing.status(copy) == valid, "\(name)")
      #expect(try ModelBundle(path: copy).check(.full).isEmpty)
      #expect(try BundleDifference(ModelBundle(path: path), ModelBundle(path: copy)).isEmpty)
    }
    #expect(
      try folder.read("compact.ctpack") == folder.read("mapped.ctpack"))
  }

  @Test func aNewPromptIsUnsignedAndTheRestStaysSigned() throws {
    try BundleSigner.sign(path, with: signing.key)
    let prompt = Samples.prompt("second", weights: try ModelBundle(path: path).weightsDigest)
    try BundleEditor.append(to: path, sections: [.adapter(prompt)])
    #expect(
      try signing.status(path) == [.weights: .valid, .prompts: .unsigned, .evidence: .valid])
    #expect(try ModelBundle(path: path, verify: .full).check(.full).isEmpty)
    let result = try BundleSigner.sign(path, with: signing.other)
    #expect(result.removed.isEmpty)
    let both = [signing.key.verifyingKey, signing.other.verifyingKey]
    #expect(try signing.status(path, keys: both).values.allSatisfy { $0 == .valid })
    #expect(try signing.status(path)[.prompts] == .unknownSigner)
  }

  @Test func removingAPromptEndsItsSignature() throws {
    try BundleSigner.sign(path, with: signing.key)
    try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
    #expect(try signing.status(path) == [.weights: .valid, .prompts: .empty, .evidence: .valid])
  }

  @Test func newEvidenceEndsTheEvidencesSignatureAlone() throws {
    try BundleSigner.sign(path, with: signing.key)
    try BundleEditor.append(to: path, sections: [evidence(with: "demo")])
    #expect(
      try signing.status(path) == [.weights: .valid, .prompts: .valid, .evidence: .unsigned])
  }

  /// Evidence is about the prompts that it names: another one of the same name ends its signature,
  /// as does one that wasn't there before; a prompt that it doesn't name doesn't.
  @Test func evidenceIsBoundToThePromptsThatItNames() throws {
    let weights = try ModelBundle(path: path).weightsDigest
    for (named, status) in [("demo", TreeVerification.Status.valid), ("later", .unsigned)] {
      try Samples.write(path)
      try BundleEditor.append(to: path, sections: [evidence(with: named)])
      try BundleSigner.sign(path, with: signing.key)
      try BundleEditor.append(
        to: path, sections: [.adapter(Samples.prompt("later", weights: weights))])
      #expect(try signing.status(path)[.evidence] == status, "\(named)")
      #expect(try ModelBundle(path: path).check(.full).isEmpty)
    }
    try Samples.write(path)
    try BundleEditor.append(to: path, sections: [evidence(with: "demo")])
    try BundleSigner.sign(path, with: signing.key)
    var replaced = Samples.prompt("demo", weights: weights)
    replaced.objective = "kl"
    try BundleEditor.append(to: path, sections: [.adapter(replaced)])
    #expect(
      try signing.status(path) == [.weights: .valid, .prompts: .unsigned, .evidence: .unsigned])
  }

  @Test func otherWeightsEndEverySignature() throws {
    try BundleSigner.sign(path, with: signing.key)
    let tensor = try Samples.dense("d.f32", shape: [7], format: .float32, seed: 99)
    try BundleEditor.append(
      to: path,
      sections: NewSection.tensor(tensor) + [
        .adapter(Samples.prompt("demo", weights: nil, unvalidated: true))
      ])
    #expect(try signing.status(path).values.allSatisfy { $0 == .unsigned })
  }

  /// An edit never hides a forgery: what was wrong before it is wrong after it.
  @Test func anEditLeavesAnInvalidSignature() throws {
    try BundleSigner.sign(path, with: signing.key)
    let forged = folder.file("forged.ctpack")
    try Signing.rewrite(path, to: forged) { section, same in
      section.type == .evidence ? evidence(with: nil) : same
    }
    #expect(try signing.status(forged)[.evidence] == .invalid)
    let prompt = Samples.prompt("x", weights: try ModelBundle(path: path).weightsDigest)
    try BundleEditor.append(to: forged, sections: [.adapter(prompt)])
    #expect(try signing.status(forged)[.evidence] == .invalid)
    // Its signer, or another one, may vouch for the content anew.
    let result = try BundleSigner.sign(forged, trees: [.evidence], with: signing.other)
    #expect(result.removed == ["evidence:\(signing.key.verifyingKey.id.hex)"])
    #expect(
      try signing.status(forged, keys: [signing.other.verifyingKey])[.evidence] == .valid)
  }

  @Test func whatIsNotThereIsNotSigned() throws {
    try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
    #expect(try BundleSigner.sign(path, with: signing.key).empty == [.prompts])
    let failure = #expect(throws: Failure.self) {
      try BundleSigner.sign(path, trees: [.prompts], with: signing.key)
    }
    #expect(failure?.kind == .usage)
  }

  @Test func aDamagedBundleIsNotSigned() throws {
    let bundle = try ModelBundle(path: path)
    let tensor = try #require(bundle.sections.first { $0.storedSize > 0 })
    var bytes = try folder.read("a.ctpack")
    bytes[tensor.offset] ^= 1
    try folder.write("a.ctpack", bytes)
    let failure = #expect(throws: Failure.self) { try BundleSigner.sign(path, with: signing.key) }
    #expect(failure?.kind == .invalidData)
  }

  /// A signature of content that isn't there any more when it is written.
  @Test func aBundleThatChangedMeanwhileIsBusy() throws {
    try BundleSigner.sign(path, trees: [.prompts], with: signing.key)
    let section = try #require(try ModelBundle(path: path).sections(of: .signature).first)
    let old = NewSection(
      type: .signature, layout: .raw, name: section.name, attributes: section.attributes,
      bytes: try ModelBundle(path: path).bytes(of: section))
    let prompt = Samples.prompt("second", weights: try ModelBundle(path: path).weightsDigest)
    try BundleEditor.append(to: path, sections: [.adapter(prompt)])
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [old])
    }
    #expect(failure?.kind == .busy)
  }

  /// Formats/p256.py and reader.py, which share no code with this program, accept our signatures.
  @Test(.enabled(if: PythonReader.python != nil, Comment(rawValue: PythonReader.skipReason)))
  func theSecondReaderAcceptsOurSignatures() throws {
    try BundleEditor.append(to: path, sections: [evidence(with: "demo")])
    try BundleSigner.sign(path, with: signing.key)
    let pem = try folder.write("signer.pub.pem", SampleKeys.signerPublic)
    let result = try PythonReader.run([path, "--check", "--key", pem, "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSON(parsing: result.output)
    let digest = try ModelBundle(path: path).canonicalDigest
    #expect(report["digest"]?.string == digest.hex)
    let wrong = try folder.write("other.pub.pem", SampleKeys.otherPublic)
    #expect(try PythonReader.run([path, "--check", "--key", wrong]).status == 65)
  }

  /// A bundle that Formats/make_vectors.py signed with Formats/p256.py.
  @Test func theVectorsSignaturesAreValid() throws {
    let vector = PythonReader.formats + "/vectors/valid-signed.ctpack"
    #expect(try signing.status(vector).values.allSatisfy { $0 == .valid })
    #expect(
      try signing.status(vector, keys: [signing.other.verifyingKey]).values.allSatisfy {
        $0 == .unknownSigner
      })
  }
}
