import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// `compact` in the bundle's own place: until the new file is complete, the old one stays.
@Suite struct CompactingTests {
  /// A bundle that was edited twice, and its canonical form's bytes.
  static func edited(in folder: TemporaryFolder) throws -> (old: [UInt8], new: [UInt8]) {
    let path = folder.file("a")
    try Samples.write(path)
    let weights = try ModelBundle(path: path).weightsDigest
    try BundleEditor.append(to: path, sections: [.adapter(Samples.prompt("b", weights: weights))])
    try BundleEditor.append(to: path, sections: [], removing: [.init(type: .prompt, name: "demo")])
    try BundleEditor.compact(path, to: folder.file("fresh"))
    let bytes = (old: try folder.read("a"), new: try folder.read("fresh"))
    try FileManager.default.removeItem(atPath: folder.file("fresh"))
    return bytes
  }

  @Test func anotherFileLeavesTheBundleAlone() throws {
    let folder = try TemporaryFolder()
    let (old, new) = try Self.edited(in: folder)
    let path = folder.file("a")
    let digest = try BundleEditor.compact(path, to: folder.file("b"))
    #expect(try folder.read("a") == old)
    #expect(try folder.read("b") == new)
    #expect(new.count < old.count)
    #expect(try ModelBundle(path: path).canonicalDigest == digest)
    #expect(try BundleEditor.compact(folder.file("b"), to: folder.file("b")) == digest)
    #expect(try folder.read("b") == new, "the canonical form is its own")
  }

  /// A disk that is full after every third number of bytes in turn, played by a limit on file sizes.
  @Test func aDiskThatIsFullAtAnyByteLeavesTheOldBundle() async throws {
    await #expect(processExitsWith: .exitCode(0)) {
      let folder = try TemporaryFolder()
      let (old, new) = try CompactingTests.edited(in: folder)
      signal(SIGXFSZ, SIG_IGN)
      for room in stride(from: 0, to: new.count, by: 3) {
        CompactingTests.limitFiles(to: room)
        do {
          try BundleEditor.compact(folder.file("a"), to: folder.file("a"))
          exit(2)
        } catch {
          guard (error as? Failure)?.kind == .io else { exit(3) }
        }
        guard folder.names == ["a"], try MappedFile(path: folder.file("a")).bytes.array == old
        else { exit(4) }
      }
      CompactingTests.limitFiles(to: new.count)
      try BundleEditor.compact(folder.file("a"), to: folder.file("a"))
      guard try folder.read("a") == new else { exit(5) }
    }
  }

  /// The process dies after so many bytes: header, first section, table, last byte.
  @Test(arguments: [0, 64, 13001, -1])
  func aProcessKilledAtAByteLeavesTheOldBundle(bytes: Int) async throws {
    let folder = try TemporaryFolder()
    let (old, new) = try Self.edited(in: folder)
    let room = bytes < 0 ? new.count + bytes : bytes
    await #expect(processExitsWith: .signal(SIGXFSZ)) {
      [path = folder.file("a") as String, room = room as Int] in
      signal(SIGXFSZ, SIG_DFL)
      var fatal = sigset_t()
      unsafe sigemptyset(&fatal)
      unsafe sigaddset(&fatal, SIGXFSZ)
      unsafe pthread_sigmask(SIG_UNBLOCK, &fatal, nil)
      CompactingTests.limitFiles(to: room)
      try BundleEditor.compact(path, to: path)
    }
    #expect(try folder.read("a") == old)
    #expect(try ModelBundle(path: folder.file("a"), verify: .full).generation == 3)
    // What the killed process left in the folder goes when the next one takes its place.
    #expect(folder.names.count == 2)
    try BundleEditor.compact(folder.file("a"), to: folder.file("a"))
    #expect(try folder.read("a") == new)
    #expect(folder.names == ["a"])
  }

  static func limitFiles(to bytes: Int) {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    limit.rlim_cur = rlim_t(bytes)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(9) }
  }

  @Test func anEditAndACompactionExcludeEachOther() throws {
    let folder = try TemporaryFolder()
    _ = try Self.edited(in: folder)
    let editor = try EditableFile(path: folder.file("a"))
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.compact(folder.file("a"), to: folder.file("a"))
    }
    #expect(failure?.kind == .busy)
    _ = try editor.size
  }
}
