import BundleFormat
import Bytes
import TestSupport
import Testing

/// The names that writers give, those that readers accept, and sections that no writer would make.
@Suite struct SectionNameTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func failure(_ body: () throws -> Void) -> Failure? {
    do { try body() } catch { return error as? Failure }
    return nil
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    try .dense(name: name, shape: [1], format: .float16, values: ByteSlice([0, 0]))
  }

  /// A bundle with the prompt "xyz", of which a copy has the name changed to `name` (3 bytes).
  private func bundle(promptNamed name: String) throws -> String {
    let path = folder.file("xyz.ctpack")
    var writer = BundleWriter(path: path)
    writer.addTensor(try tensor("t"))
    writer.addAdapter(Samples.prompt("xyz", weights: try writer.weightsDigest()))
    try writer.finish()
    let renamed = try PatchedTable.bytes(of: path, name: "xyz", as: name)
    return try folder.write("renamed.ctpack", renamed.array)
  }

  @Test(arguments: ["a\u{202E}", "\u{9B}m", "x\u{2028}y", "zero\u{200B}", "\u{1B}[2J", "a\nb", ""])
  func noSectionGetsANameThatCannotBeSeen(name: String) throws {
    let found = failure {
      var writer = BundleWriter(path: folder.file("a"))
      writer.addTensor(try tensor(name))
      try writer.finish()
    }
    #expect(found?.kind == .invalidData, "\(found?.description ?? "")")
    #expect(folder.names.isEmpty)
  }

  @Test(arguments: ["../../x", "a b", ".a", "-a", "é", "a/b", "\u{1B}[2J"])
  func noPromptGetsANameThatCannotBeTyped(name: String) throws {
    let path = try bundle(promptNamed: "xyz")
    let before = try folder.read("renamed.ctpack")
    let found = failure {
      _ = try BundleEditor.append(
        to: path, sections: [.adapter(Samples.prompt(name, weights: nil, unvalidated: true))])
    }
    #expect(found?.kind == .invalidData, "\(found?.description ?? "")")
    #expect(try folder.read("renamed.ctpack") == before)
  }

  /// A file of another program may have such names: they are read, kept, copied and replaced.
  @Test(arguments: ["\u{202E}", "a b", "..."])
  func namesOfFilesAreKept(name: String) throws {
    #expect(name.utf8.count == 3)
    let path = try bundle(promptNamed: name)
    let bundle = try ModelBundle(path: path)
    let prompt = try #require(try bundle.adapter(named: name))
    #expect(prompt.name == name)
    for storage in TensorStorage.allCases {
      let copy = folder.file("copy.ctpack")
      #expect(
        try BundleEditor.recode(path, to: copy, storage: storage) == bundle.canonicalDigest)
    }
    #expect(try BundleEditor.compact(path, to: path) == bundle.canonicalDigest)
    var changed = prompt
    changed.unvalidated = true
    try BundleEditor.append(to: path, sections: [.adapter(changed)])
    #expect(try ModelBundle(path: path).adapter(named: name)?.unvalidated == true)
  }

  /// Layouts that a section's type forbids, with right hashes: damage of the file, not a fault of the
  /// program.
  @Test func forbiddenLayoutsAreDamage() throws {
    let path = folder.file("coded.ctpack")
    try CodedSamples.write(path, storage: .coded)
    let sections = try ModelBundle(path: path).sections
    var seen: Set<SectionType> = []
    for (index, section) in sections.enumerated() where section.codec == .blocks {
      guard let type = section.type, seen.insert(type).inserted else { continue }
      let holdsFloats = type == .tensorDense || type == .tensorScales
      let forbidden: PackingLayout = holdsFloats ? .bitmask : .f16
      let bytes = try PatchedTable.bytes(of: path, entry: index) { entry in
        entry[entry.startIndex + 2] = UInt8(forbidden.rawValue)
        entry[entry.startIndex + 3] = 0
      }
      try folder.write("bad.ctpack", bytes.array)
      let found = failure {
        try BundleEditor.recode(
          folder.file("bad.ctpack"), to: folder.file("out.ctpack"), storage: .mapped)
      }
      #expect(found?.kind == .invalidData, "\(section.label): \(found?.description ?? "accepted")")
      #expect(!folder.names.contains("out.ctpack"))
    }
    #expect(seen.count >= 3, "only \(seen) were tried")
  }
}
