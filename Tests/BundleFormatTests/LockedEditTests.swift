import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Two editors of one bundle, interleaved: what was read before the lock was taken is compared with what
/// is there, and nothing that the other one committed is lost.
@Suite struct LockedEditTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  private func record(_ text: String) -> EvidenceRecord {
    var record = Samples.evidence
    record.text = text
    return record
  }

  /// A writer that measured `bundle` stores the result, as `ctpack prompt compare --store` does.
  private func store(
    _ text: String, measuredOn bundle: ModelBundle, with prompt: StoredAdapter? = nil
  ) throws {
    let model = try bundle.measuredModel
    try BundleEditor.edit(path) { (edit) throws(Failure) in
      try edit.check(model)
      if let prompt { try edit.check(prompt) }
      try edit.add([record(text)])
    }
  }

  private func texts() throws -> [String] {
    try ModelBundle(path: path, verify: .full).evidence.map(\.text)
  }

  private func expectBusy(_ words: [String], _ body: () throws -> Void) throws {
    let before = try folder.read("a.ctpack")
    let failure = #expect(throws: Failure.self) { try body() }
    #expect(failure?.kind == .busy && failure?.file == path, "\(failure as Any)")
    for word in words {
      #expect(failure?.description.contains(word) == true, "\(word): \(failure as Any)")
    }
    #expect(try folder.read("a.ctpack") == before)
  }

  @Test func bothMeasurementsAreThere() throws {
    let (first, second) = (try ModelBundle(path: path), try ModelBundle(path: path))
    try store("one", measuredOn: second)
    try store("two", measuredOn: first)
    #expect(try texts() == ["sample", "sample", "sample", "one", "two"])
    #expect(try ModelBundle(path: path).generation == 3)
  }

  /// Edits of prompts and documents that nothing was measured on don't matter.
  @Test func anUnrelatedEditIsNoConflict() throws {
    let measured = try ModelBundle(path: path)
    let prompt = try #require(try measured.adapter(named: "demo"))
    let other = Samples.prompt("other", weights: nil, unvalidated: true)
    try BundleEditor.append(to: path, sections: [.adapter(other)])
    try BundleEditor.compact(path, to: path)
    var remeasured = prompt
    remeasured.objective = "kl"
    try BundleEditor.append(to: path, sections: [.adapter(remeasured)])
    try store("one", measuredOn: measured, with: prompt)
    #expect(try texts().last == "one")
    #expect(try ModelBundle(path: path).adapters.map(\.name) == ["demo", "other"])
  }

  @Test func otherWeightsAreNoticed() throws {
    let measured = try ModelBundle(path: path)
    let tensor = NewSection.tensor(
      try Samples.dense("d.f32", shape: [7], format: .float32, seed: 70))
    try BundleEditor.append(
      to: path, sections: tensor, removing: [.init(type: .prompt, name: "demo")])
    let now = try ModelBundle(path: path)
    try expectBusy(["weights", measured.weightsDigest.hex, now.weightsDigest.hex]) {
      try store("one", measuredOn: measured)
    }
  }

  @Test(arguments: [SectionType.tokenizer, .modelConfiguration, .provenance])
  func otherDocumentsOfTheModelAreNoticed(type: SectionType) throws {
    let measured = try ModelBundle(path: path)
    var provenance = Samples.provenance
    provenance.baseModel = Samples.digest("another")
    let (section, word): (NewSection, String) =
      switch type {
      case .tokenizer:
        (.document(.tokenizer, bytes: ByteSlice(Array("{}".utf8)), layout: .json), "tokenizer")
      case .modelConfiguration:
        (.document(.modelConfiguration, json: ["family": "llama", "layers": 2]), "configuration")
      default: (.provenance(provenance), "base model")
      }
    try BundleEditor.append(to: path, sections: [section])
    try expectBusy([word]) { try store("one", measuredOn: measured) }
  }

  @Test func aPromptThatIsGoneOrAnotherIsNoticed() throws {
    let measured = try ModelBundle(path: path)
    let prompt = try #require(try measured.adapter(named: "demo"))
    var other = prompt
    other.values[3] += 1
    try BundleEditor.append(to: path, sections: [.adapter(other)])
    try expectBusy(["\"demo\"", "replaced"]) {
      try store("one", measuredOn: measured, with: prompt)
    }
    try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
    try expectBusy(["\"demo\"", "removed"]) {
      try store("one", measuredOn: measured, with: prompt)
    }
  }

  @Test func nobodyElseEditsWhileAnEditIsDecided() throws {
    try BundleEditor.edit(path) { (edit) throws(Failure) in
      #expect(edit.bundle.generation == 1)
      let failure = #expect(throws: Failure.self) {
        try BundleEditor.append(to: path, sections: [.evidence([])])
      }
      #expect(failure?.kind == .busy)
      try edit.add([record("one")])
    }
    #expect(try texts().last == "one")
  }

  @Test func aRefusedOrEmptyEditWritesNothing() throws {
    let before = try folder.read("a.ctpack")
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.edit(path) { (edit) throws(Failure) in
        try edit.add([record("one")])
        throw Failure(.notMet, "changed its mind")
      }
    }
    #expect(failure?.kind == .notMet)
    let (count, generation) = try BundleEditor.edit(path) { (edit) throws(Failure) in
      try edit.add([] as [EvidenceRecord])
      return try edit.bundle.evidence.count
    }
    #expect(count == 3 && generation == 1)
    #expect(try folder.read("a.ctpack") == before)
    #expect(try BundleEditor.append(to: path, sections: [.evidence([])]) == 2, "the lock is free")
  }

  /// Another program may rename a file of its own over the locked one: the edit must not end in a file
  /// without a name, and be lost.
  @Test func aFileThatIsReplacedDuringAnEditIsNoticed() throws {
    try Samples.write(folder.file("new"))
    let new = try folder.read("new")
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.edit(path) { (edit) throws(Failure) in
        try edit.add([record("one")])
        #expect(unsafe rename(folder.file("new"), path) == 0)
      }
    }
    #expect(failure?.kind == .busy)
    #expect(failure?.finding.contains("replaced") == true)
    #expect(try folder.read("a.ctpack") == new)
  }
}
