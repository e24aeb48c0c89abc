import BundleFormat
import Bytes
import TestSupport
import Testing

/// Compacting starts again at generation 1, so an edit is recognised by what the bundle's own recipe
/// doesn't make.
@Suite struct CompactedEditTests {
  let folder: TemporaryFolder
  let target: String

  init() throws {
    folder = try TemporaryFolder()
    target = folder.file("b.ctpack")
    try build(target, seed: 1)
  }

  /// Writes a bundle as `ctpack run` does: with the prompt that its recipe names.
  private func build(_ path: String, seed: Int) throws {
    try Samples.write(folder.file("parts"))
    let parts = try ModelBundle(path: folder.file("parts"))
    var writer = BundleWriter(path: path)
    for section in parts.sections {
      guard let type = section.type,
        ![.recipe, .prompt, .evidence, .provenance].contains(type)
      else { continue }
      try writer.add(copying: section, from: parts)
    }
    writer.addTensor(try Samples.dense("w", shape: [8], format: .float32, seed: seed))
    writer.addAdapter(Samples.prompt("built", weights: try writer.weightsDigest()))
    let recipe: JSON = ["name": "sample", "prompt": ["name": "built"]]
    writer.add(.document(.recipe, bytes: ByteSlice(Array((recipe.prettyText + "\n").utf8))))
    writer.add(.provenance(Samples.provenance))
    var record = Samples.evidence
    record.prompt = "built"
    record.ppl += Double(seed)
    writer.add(.evidence([Samples.evidence, record]))
    try writer.finish()
  }

  private func edit(_ sections: NewSection...) throws {
    try BundleEditor.append(to: target, sections: sections)
    try BundleEditor.compact(target, to: target)
    #expect(try ModelBundle(path: target).generation == 1)
  }

  private func check(_ new: String?) throws {
    try ReplacementRule.unedited.check(
      FileDestination(target), by: new.map { (path) throws(Failure) in try ModelBundle(path: path) }
    )
  }

  private func expectKept(_ word: String) throws {
    try build(folder.file("new"), seed: 2)
    for new in [folder.file("new"), nil] {
      let failure = #expect(throws: Failure.self) { try check(new) }
      #expect(failure?.kind == .cannotCreate && failure?.reason == .bundleEdited)
      #expect(failure?.finding.contains(word) == true, "\(failure as Any)")
    }
    // What holds the edit too loses nothing.
    try BundleEditor.compact(target, to: folder.file("copy"))
    try check(folder.file("copy"))
    try ReplacementRule.any.check(FileDestination(target), by: nil)
  }

  @Test func aBuildMayBeBuiltAgain() throws {
    try build(folder.file("new"), seed: 2)
    try check(folder.file("new"))
    try check(nil)
  }

  @Test func addedPromptsAreKept() throws {
    try edit(.adapter(Samples.prompt("mine", weights: nil, unvalidated: true)))
    try expectKept("\"mine\"")
  }

  @Test(arguments: [0, 1, 2]) func addedMeasurementsAreKept(kind: Int) throws {
    var record = Samples.evidence
    switch kind {
    case 0: record.textDigest = Samples.digest("another text")
    case 1: record.textDigest = nil
    default: record.prompt = "gone"
    }
    try edit(.evidence([Samples.evidence, record]))
    try expectKept("measurements")
  }

  @Test func signaturesAreKept() throws {
    let signing = try Signing(try TemporaryFolder())
    try BundleSigner.sign(target, trees: [.weights], with: signing.key)
    try BundleEditor.compact(target, to: target)
    try expectKept("signature")
  }
}
