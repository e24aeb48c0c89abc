import BundleFormat
import Bytes
import TestSupport
import Testing

/// Recovery where there is no copy, or nothing left.
@Suite struct RecoveryTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func bytes(ofVector name: String) throws -> [UInt8] {
    try MappedFile(path: PythonReader.formats + "/vectors/\(name).ctpack").bytes.array
  }

  private func wiped(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
    var bytes = bytes
    bytes.replaceSubrange(range, with: [UInt8](repeating: 0xAA, count: range.count))
    return bytes
  }

  private func recover(
    _ bytes: [UInt8], _ name: String = "out"
  ) throws -> (report: BundleRecovery, bundle: ModelBundle) {
    let report = try BundleRecovery(
      folder.write("damaged.ctpack", bytes), to: folder.file(name))
    return (report, try ModelBundle(path: folder.file(name), verify: .full))
  }

  /// A bundle from before there were backups: the header follows from the record, the place of the
  /// table from its form.
  @Test func oldBundlesWithoutABackup() throws {
    let original = try bytes(ofVector: "valid-appended")
    let bundle = try ModelBundle(bytes: ByteSlice(original), name: "memory")
    for (name, range) in [("header", 0..<64), ("newest", 4096..<4224), ("both", 4096..<8320)] {
      let (report, recovered) = try recover(wiped(original, range), name)
      #expect(report.generation == 2 && report.losses.isEmpty, "\(name)")
      #expect(recovered.canonicalDigest == bundle.canonicalDigest, "\(name)")
    }
    let table = bundle.tableExtent
    let (report, recovered) = try recover(wiped(original, table.offset..<table.end), "table")
    #expect(report.generation == 1)
    #expect(report.losses.map(\.name) == ["generation 2"])
    #expect(try recovered.adapters.map(\.name) == ["a"])
  }

  /// Sections that belong to a lost one go with it, by name.
  @Test func whatCannotBeUsedIsLeftOut() throws {
    let path = folder.file("a.ctpack")
    try Samples.write(path)
    let key = try SigningKey(path: folder.write("key.pem", SampleKeys.signer))
    let bundle = try ModelBundle(path: path)
    let prompt = try #require(try bundle.adapter(named: "demo"))
    try BundleEditor.append(
      to: path,
      sections: [
        .keyValues(
          StoredKeyValues(
            of: prompt, layers: 1, width: 2, weights: bundle.weightsDigest,
            values: ByteSlice([UInt8](repeating: 0, count: 24)))),
        .routingKey(
          StoredRoutingKey(
            of: prompt, weights: bundle.weightsDigest, explained: 1, key: [1], bias: 0)),
      ])
    try BundleSigner.sign(path, with: key)
    let scales = try #require(
      try ModelBundle(path: path).section(.tensorScales, named: "a.two"))
    let content = try folder.read("a.ctpack")
    let (report, recovered) = try recover(wiped(content, scales.offset..<scales.offset + 2))
    let lost = report.losses.map(\.name)
    #expect(lost.first == "tensorScales \"a.two\"")
    for name in [
      "tensorCodes \"a.two\"", "tensorZeros \"a.two\"", "promptKeyValues \"demo\"",
      "promptRoutingKey \"demo\"",
    ] { #expect(lost.contains(name), "\(name)") }
    // The evidence itself is there; what was signed names other weights than are left.
    #expect(lost.count { $0.hasPrefix("signature") } == 3)
    #expect(lost.count == 8)
    #expect(report.unvalidated == ["prompt \"demo\""])
    #expect(try recovered.adapters.map(\.unvalidated) == [true])
    #expect(recovered.tensors.count == 8)
    #expect(try recovered.evidence.count == 3)
  }

  /// A sound bundle is its own recovery: the canonical form.
  @Test func aSoundBundleLosesNothing() throws {
    let path = folder.file("a.ctpack")
    let digest = try Samples.write(path)
    let content = try folder.read("a.ctpack")
    let (report, recovered) = try recover(content)
    #expect(report.damage.isEmpty && report.losses.isEmpty && report.fromCopies.isEmpty)
    #expect(report.digest == digest && recovered.canonicalDigest == digest)
    #expect(try folder.read("out") == content)
  }

  @Test func nothingUsableIsInvalid() throws {
    let whole = try bytes(ofVector: "valid-basic")
    for (name, content) in [
      ("empty", []), ("text", Array("no bundle at all".utf8)),
      ("zeros", [UInt8](repeating: 0, count: 40_000)), ("header", Array(whole[..<12288])),
      ("body", wiped(whole, 12288..<whole.count)),
    ] {
      let path = try folder.write("damaged.ctpack", content)
      let failure = #expect(throws: Failure.self, "\(name)") {
        try BundleRecovery(path, to: folder.file("out"))
      }
      #expect(failure?.kind == .invalidData && failure?.advice != nil, "\(name)")
    }
    #expect(folder.names == ["damaged.ctpack"])
  }

  @Test func anExistingFileIsNotReplaced() throws {
    let path = folder.file("a.ctpack")
    try Samples.write(path)
    try folder.write("out", "mine")
    for target in ["out", "a.ctpack"] {
      let before = try folder.read(target)
      let failure = #expect(throws: Failure.self) {
        try BundleRecovery(path, to: folder.file(target))
      }
      #expect(failure?.kind == .cannotCreate)
      #expect(try folder.read(target) == before)
    }
  }

  /// The writer's copies are, byte for byte, those that make_vectors.py makes from the specification.
  @Test func theCopiesAreThoseOfTheSpecification() throws {
    let path = try folder.write("a.ctpack", bytes(ofVector: "valid-copies"))
    try BundleEditor.compact(path, to: folder.file("compact"))
    #expect(try folder.read("compact") == bytes(ofVector: "valid-copies"))
    let appended = try bytes(ofVector: "valid-copies-appended")
    let after = try ModelBundle(bytes: ByteSlice(appended), name: "memory")
    let section = try #require(after.section(.prompt, named: "b"))
    let prompt = NewSection(
      type: .prompt, layout: .f32, name: "b", attributes: section.attributes,
      bytes: try after.bytes(of: section), flags: section.flags)
    try BundleEditor.append(to: path, sections: [prompt])
    #expect(try folder.read("a.ctpack") == appended)
  }

  /// Random damage of any kind: a sound bundle or a failure that says why, never a crash.
  @Test func randomDamageIsSurvived() throws {
    let path = folder.file("a.ctpack")
    try Samples.write(path)
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))])
    let content = try folder.read("a.ctpack")
    var random = TestRandom()
    var (recovered, refused) = (0, 0)
    for round in 0..<150 {
      var bytes = content
      for _ in 0..<1 + random.below(30) {
        bytes[random.below(bytes.count)] = UInt8(random.below(256))
      }
      if random.below(3) == 0 { bytes.removeLast(random.below(bytes.count)) }
      let target = "out\(round)"
      do {
        _ = try BundleRecovery(folder.write("damaged.ctpack", bytes), to: folder.file(target))
        let errors = try ModelBundle.audit(path: folder.file(target), level: .full)
          .filter { $0.severity == .error }
        #expect(errors.isEmpty, "round \(round), \(random.note): \(errors)")
        recovered += 1
      } catch {
        let failure = try #require(error as? Failure)
        #expect(failure.kind == .invalidData, "round \(round), \(random.note): \(failure)")
        refused += 1
      }
    }
    // Most files keep their backup or their table; of those cut short, many don't.
    #expect(recovered > 20 && refused > 0, "\(recovered) recovered, \(refused) refused")
  }
}
