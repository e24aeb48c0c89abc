import BundleFormat
import Bytes
import TestSupport
import Testing

/// Bundles of other versions of the format, older and newer: read, refused or kept as section 11 of
/// Formats/container.md says.
///
/// The files of version 1.0 are frozen: they are never made again, and every later version must
/// read them.
@Suite struct FormatVersionTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let golden = RealModel.packageRoot + "/Tests/BundleFormatTests/Golden/"
  private static let frozen: [(name: String, sha256: String)] = [
    ("version-1.0-signed", "932f68ad232e45ca2a75fba009825708eed5bc82ab9a42453b89fe5cdaff210c"),
    ("version-1.0-edited", "32e97dc369d6cc1cf10653105de1ffbe5f2778c75927fe224c5db9254f54c424"),
  ]

  /// A copy of a file of the tests or of the vectors, to be edited.
  private func copy(_ name: String) throws -> String {
    let isFrozen = name.hasPrefix("version-")
    let source = (isFrozen ? Self.golden : PythonReader.formats + "/vectors/") + name + ".ctpack"
    return try folder.write(name + ".ctpack", MappedFile(path: source).bytes.array)
  }

  private var prompt: NewSection {
    .adapter(Samples.prompt("new", weights: nil, unvalidated: true))
  }

  @Test func theFrozenFilesAreAsTheyWere() throws {
    for (name, sha256) in Self.frozen {
      let bytes = try MappedFile(path: Self.golden + name + ".ctpack").bytes
      #expect(SHA256Digest(hashing: bytes).hex == sha256, "\(name)")
    }
  }

  @Test func versionOneIsReadInFull() throws {
    let signed = try ModelBundle(path: copy("version-1.0-signed"), verify: .full)
    #expect(signed.formatVersion == "1.0" && signed.generation == 1)
    #expect(signed.check(.full).isEmpty && signed.recoveryCopies.isEmpty)
    #expect(try signed.tensor(named: "norm")?.dequantized() == [1, -2, 0.5])
    #expect(try signed.adapters.map(\.name) == ["a", "b"])
    #expect(try signed.adapter(named: "a")?.values == [0.5, -1, 0.25, 2, 0, 1.5])
    #expect(try signed.evidence.map(\.ppl) == [20.5])
    #expect(try signed.configuration["family"]?.string == "llama")
    #expect(signed.sections(of: .signature).count == 3)
    let edited = try ModelBundle(path: copy("version-1.0-edited"), verify: .full)
    #expect(edited.generation == 2 && edited.check(.full).isEmpty)
    #expect(try edited.adapters.map(\.name) == ["b"])
  }

  /// An edit and a compaction keep what a file of version 1.0 holds, and add copies for recovery.
  @Test func versionOneIsChanged() throws {
    for (name, _) in Self.frozen {
      let path = try copy(name)
      let before = try ModelBundle(path: path)
      try BundleEditor.append(to: path, sections: [prompt])
      let after = try ModelBundle(path: path, verify: .full)
      #expect(after.check(.full).allSatisfy { $0.severity == .note })
      #expect(after.generation == before.generation + 1)
      #expect(after.weightsDigest == before.weightsDigest)
      #expect(try after.adapters.map(\.name) == (before.adapters.map(\.name) + ["new"]))
      let documents = after.sections.filter { $0.typeID >= 32 && $0.storedSize > 0 }
      #expect(after.recoveryCopies.count == documents.count + 1)
      try BundleEditor.append(
        to: path, sections: [], removing: [.init(type: .prompt, name: "new")])
      let digest = try BundleEditor.compact(path, to: path)
      #expect(try ModelBundle(path: path, verify: .full).canonicalDigest == digest)
    }
  }

  /// A section of an unknown type that nobody needs to understand is ignored, and kept.
  @Test func anUnknownOptionalSectionIsKept() throws {
    let path = try copy("valid-unknown-type")
    let unknown = try #require(try ModelBundle(path: path).sections.first { $0.typeID == 900 })
    func isThere() throws -> Bool {
      let bundle = try ModelBundle(path: path, verify: .full)
      let section = try #require(bundle.sections.first { $0.typeID == 900 })
      let bytes = try bundle.bytes(of: section).array
      return section.name == "future" && section.flags == unknown.flags
        && section.sha256 == unknown.sha256 && bytes == [0x3F]
    }
    #expect(try isThere())
    try BundleEditor.append(to: path, sections: [prompt])
    #expect(try isThere())
    try BundleEditor.compact(path, to: path)
    #expect(try isThere())
  }

  /// A section that must be understood is refused by its name.
  @Test func anUnknownCriticalSectionIsRefused() throws {
    let path = try copy("section-type-needed")
    let failure = #expect(throws: Failure.self) { try ModelBundle(path: path) }
    #expect(failure?.kind == .invalidData && failure?.file == path)
    #expect(failure?.place?.contains("\"future\"") == true)
    #expect(failure?.advice == "use a newer ctpack")
  }

  /// A section that must be understood to change the bundle: the rest is read, and nothing changed.
  @Test func anUnknownSectionCanForbidChanges() throws {
    let path = folder.file("licence.ctpack")
    var writer = BundleWriter(path: path, hasCopies: false)
    writer.add(.document(.licence, bytes: ByteSlice([0x61])))
    try writer.finish()
    let bytes = try PatchedTable.bytes(of: path, entry: 0) { entry in
      let start = entry.startIndex
      (entry[start], entry[start + 1]) = (0x84, 0x03)
      entry[start + 7] = 0x80
    }.array
    try folder.write("licence.ctpack", bytes)
    #expect(try ModelBundle(path: path, verify: .full).sections.map(\.typeID) == [900])
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [prompt])
    }
    #expect(failure?.kind == .invalidData && failure?.place?.contains("licence") == true)
    #expect(failure?.advice == "use a newer ctpack")
    #expect(throws: Failure.self) { try BundleEditor.compact(path, to: folder.file("out")) }
    #expect(try folder.read("licence.ctpack") == bytes)
  }

  @Test func aHigherMinorVersionIsReadAndNotChanged() throws {
    let path = try copy("valid-newer-minor")
    let before = try folder.read("valid-newer-minor.ctpack")
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.formatVersion == "1.9")
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [prompt])
    }
    #expect(failure?.finding.contains("1.9") == true && failure?.advice == "use a newer ctpack")
    #expect(throws: Failure.self) { try BundleRecovery(path, to: folder.file("out")) }
    #expect(try folder.read("valid-newer-minor.ctpack") == before)
  }

  @Test func aHigherMajorVersionIsRefused() throws {
    let path = try copy("header-major")
    let failure = #expect(throws: Failure.self) { try ModelBundle(path: path) }
    #expect(failure?.kind == .invalidData && failure?.place == "header")
    #expect(failure?.finding.contains("version 2.0") == true)
    #expect(failure?.advice == "use a newer ctpack")
  }
}
