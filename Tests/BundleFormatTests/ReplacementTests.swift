import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// New bundles in place of old ones: an edited bundle is kept, and one that is being edited too.
@Suite struct ReplacementTests {
  let folder: TemporaryFolder
  let source: String
  let target: String

  /// The writers that put a whole bundle in the place of another.
  enum Writer: CaseIterable {
    case compact, recode

    func callAsFunction(
      _ source: String, _ target: String, _ rule: ReplacementRule = .unedited
    ) throws(Failure) {
      switch self {
      case .compact: try BundleEditor.compact(source, to: target, replacing: rule)
      case .recode:
        try BundleEditor.recode(source, to: target, storage: .coded, replacing: rule)
      }
    }
  }

  init() throws {
    folder = try TemporaryFolder()
    source = folder.file("a.ctpack")
    target = folder.file("b.ctpack")
    for path in [source, target] { try Samples.write(path) }
  }

  private func add(_ name: String, to path: String) throws {
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt(name, weights: nil, unvalidated: true))])
  }

  private func names(_ path: String) throws -> [String] {
    try ModelBundle(path: path).adapters.map(\.name)
  }

  /// Checks that `writer` refuses to replace the target, which stays as it is.
  private func expectKept(
    _ writer: Writer, _ words: [String], _ kind: Failure.Kind = .cannotCreate,
    _ rule: ReplacementRule = .unedited
  ) throws {
    let before = try folder.read("b.ctpack")
    let failure = #expect(throws: Failure.self) { try writer(source, target, rule) }
    #expect(failure?.kind == kind && failure?.file == target, "\(failure as Any)")
    for word in words {
      #expect(failure?.description.contains(word) == true, "\(word): \(failure as Any)")
    }
    #expect(try folder.read("b.ctpack") == before)
    #expect(folder.names.allSatisfy { !$0.hasSuffix(".partial") })
  }

  @Test(arguments: Writer.allCases) func anEditedBundleIsKept(writer: Writer) throws {
    try add("mine", to: target)
    try expectKept(writer, ["edited", "generation 2"])
    try writer(source, target, .any)
    #expect(try names(target) == ["demo"])
  }

  /// A prompt that was removed would come back.
  @Test(arguments: Writer.allCases) func aRemovalIsAnEdit(writer: Writer) throws {
    try BundleEditor.append(
      to: target, sections: [], removing: [.init(type: .prompt, name: "demo")])
    try expectKept(writer, ["edited", "generation 2"])
  }

  @Test(arguments: Writer.allCases) func anUneditedBundleIsReplaced(writer: Writer) throws {
    try add("more", to: source)
    try writer(source, target)
    #expect(try names(target) == ["demo", "more"])
    try add("most", to: source)
    try writer(source, target)
    #expect(try names(target) == ["demo", "more", "most"])
  }

  /// The same edit was made in both.
  @Test(arguments: Writer.allCases) func theSameContentIsNoLoss(writer: Writer) throws {
    for path in [source, target] { try add("mine", to: path) }
    try writer(source, target)
    #expect(try names(target) == ["demo", "mine"])
    #expect(try ModelBundle(path: target, verify: .full).generation == 1)
  }

  @Test(arguments: Writer.allCases, [ReplacementRule.unedited, .any])
  func aBundleThatIsBeingEditedIsKept(writer: Writer, rule: ReplacementRule) throws {
    try add("more", to: source)
    let editor = try EditableFile(path: target)
    try expectKept(writer, ["in use"], .busy, rule)
    _ = try editor.size
  }

  /// Damage could hide an edit.
  @Test(arguments: Writer.allCases) func aDamagedBundleIsKept(writer: Writer) throws {
    try add("mine", to: target)
    var bytes = try folder.read("b.ctpack")
    // The commit record of generation 2, so that the file opens as it was before the edit.
    bytes[4096 + 20] ^= 1
    try folder.write("b.ctpack", bytes)
    try expectKept(writer, ["damaged"])
    try folder.write("b.ctpack", Array(bytes.prefix(5000)))
    try expectKept(writer, ["damaged"])
    try writer(source, target, .any)
    #expect(try names(target) == ["demo"])
  }

  @Test(arguments: Writer.allCases) func aFileOfAnotherKindIsReplaced(writer: Writer) throws {
    try folder.write("b.ctpack", "notes")
    try writer(source, target)
    #expect(try names(target) == ["demo"])
  }

  /// A writer of new bundles replaces what its caller names, but nothing that is being edited.
  @Test func aNewBundleWaitsForAnEdit() throws {
    try add("mine", to: target)
    let before = try folder.read("b.ctpack")
    let kept = #expect(throws: Failure.self) {
      try Samples.writer(target).finish(replacing: .unedited)
    }
    #expect(kept?.kind == .cannotCreate)
    try BundleEditor.edit(target) { (_) throws(Failure) in
      let busy = #expect(throws: Failure.self) { try Samples.write(target) }
      #expect(busy?.kind == .busy)
    }
    #expect(try folder.read("b.ctpack") == before)
    try Samples.write(target)
    #expect(try names(target) == ["demo"])
  }
}
