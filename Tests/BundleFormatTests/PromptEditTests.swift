import BundleFormat
import Bytes
import TestSupport
import Testing

/// The edits behind `ctpack transfer`, `prompt compare --store` and `prompt remove`, cut short after
/// every single byte that they write.
@Suite struct PromptEditTests {
  /// An edit of a bundle with the prompts "demo" and "second".
  enum Edit: CaseIterable {
    /// Several prompts at once, and the evidence with new numbers behind it.
    case transfer
    /// The prompts' own records and the evidence, the embeddings as they were.
    case store
    /// Two prompts and what was measured with them.
    case remove

    func sections(weights: SHA256Digest) -> [NewSection] {
      var chosen = Samples.evidence
      chosen.prompt = "auto"
      chosen.choice = ChoiceRecord(
        rule: "attention", deciding: 8,
        shares: [.init(prompt: "demo", windows: 1), .init(prompt: "second", windows: 0)])
      switch self {
      case .transfer:
        return ["a", "b", "c"].map { .adapter(Samples.prompt($0, weights: nil, unvalidated: true)) }
          + [.evidence([Samples.evidence])]
      case .store:
        return [
          .adapter(Samples.prompt("second", weights: weights)),
          .evidence([Samples.evidence, chosen]),
        ]
      case .remove: return [.evidence([Samples.evidence])]
      }
    }

    var removed: [BundleEditor.Key] {
      self == .remove ? ["demo", "second"].map { .init(type: .prompt, name: $0) } : []
    }
  }

  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
    let second = Samples.prompt("second", weights: nil, unvalidated: true)
    let known = StoredKeyValues(
      of: second, layers: 2, width: 4, weights: try ModelBundle(path: path).weightsDigest,
      values: ByteSlice([UInt8](repeating: 0, count: 4 * 3 * 2 * 4)))
    try BundleEditor.append(to: path, sections: [.adapter(second), .keyValues(known)])
  }

  private func open(_ bytes: [UInt8]) throws -> ModelBundle {
    try ModelBundle(bytes: ByteSlice(bytes), name: "memory", verify: .fast)
  }

  @Test(arguments: Edit.allCases)
  func aCrashAfterAnyByteLeavesTheOldOrTheNew(edit: Edit) throws {
    let committed = try MappedFile(path: path).bytes.array
    let before = try open(committed)
    let added = edit.sections(weights: before.weightsDigest)
    // An unfinished edit's tail is there already, so that dropping it is a step too.
    let start = committed + [UInt8](repeating: 0xEE, count: 300)
    var recording = RecordingBytes(start)
    _ = try BundleEditor.edit(&recording, path: "memory", adding: added, removing: edit.removed)
    let after = try open(recording.content)
    #expect(after.check(.full).allSatisfy { $0.severity == .note })
    #expect(after.canonicalDigest != before.canonicalDigest)
    #expect(after.weightsDigest == before.weightsDigest)
    #expect((after.section(.promptKeyValues, named: "second") == nil) == (edit == .remove))

    var (old, new) = (0, 0)
    var content = start
    func judge(_ state: [UInt8], again: Bool) throws {
      let found = try open(state)
      switch found.canonicalDigest {
      case before.canonicalDigest: old += 1
      case after.canonicalDigest: new += 1
      default: Issue.record("neither the old bundle nor the new one")
      }
      #expect(found.check(.fast).allSatisfy { $0.severity == .note })
      // What was removed already isn't there to be removed again.
      guard again, found.canonicalDigest == before.canonicalDigest || edit != .remove else {
        return
      }
      var next = RecordingBytes(state)
      _ = try BundleEditor.edit(&next, path: "memory", adding: added, removing: edit.removed)
      #expect(try open(next.content).canonicalDigest == after.canonicalDigest)
    }
    for step in recording.steps {
      if case .write(let bytes, let offset) = step {
        for count in 1..<max(2, bytes.count) {
          var torn = content
          RecordingBytes.apply(.write(Array(bytes[..<count]), offset), to: &torn)
          try judge(torn, again: count % 101 == 0)
        }
      }
      RecordingBytes.apply(step, to: &content)
      try judge(content, again: true)
    }
    #expect(old > 1500 && new >= 2, "\(old) old, \(new) new")
  }
}
