import Bytes
import Foundation
import TestSupport
import Testing

/// Temporary files of writers: those of living ones are left alone, those of killed ones removed,
/// whatever process numbers there are.
@Suite struct TemporaryFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The file of a killed writer, which nobody has locked. In a container its number is that of
  /// every later run, here that of this process.
  @Test func aKilledWritersFileIsRemovedByTheNextOne() throws {
    let left = [
      "a.0123456789abcdef.partial", "a.1-1.partial", "a.\(ProcessUsage.identifier)-1.partial",
      "a.2147483000-12.partial",
    ]
    for name in left { try folder.write(name, "half") }
    try AtomicFile.write("new", to: folder.file("a"))
    #expect(folder.names == ["a"])
    #expect(try folder.read("a") == Array("new".utf8))
  }

  @Test func otherFilesStay() throws {
    let others = [
      "a.notes.partial", "a.1-.partial", "a.-1.partial", "a.1-2-3.partial", "a.123.partial",
      "a.0123456789abcdeg.partial", "b.0123456789abcdef.partial", "a.0123456789abcdef.partial.txt",
    ]
    for name in others { try folder.write(name, "mine") }
    try FileManager.default.createDirectory(
      atPath: folder.file("a.fedcba9876543210.partial"), withIntermediateDirectories: true)
    try folder.write("target", "kept")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("a.1111111111111111.partial"),
      withDestinationPath: folder.file("target"))
    try AtomicFile.write("new", to: folder.file("a"))
    #expect(
      folder.names
        == (others + [
          "a", "a.fedcba9876543210.partial", "a.1111111111111111.partial", "target",
        ]).sorted())
    #expect(try folder.read("target") == Array("kept".utf8))
  }

  /// Two writers of one path at once: neither takes the other's file for a killed one's.
  @Test func aLivingWritersFileStays() throws {
    var first = try AtomicFileWriter(path: folder.file("a"))
    try first.write("first")
    var second = try AtomicFileWriter(path: folder.file("a"))
    try second.write("second")
    #expect(folder.names.count == 2 && Set(folder.names).count == 2)
    AtomicFile.sweepTemporaries(of: folder.file("a"))
    AtomicFile.sweepTemporaries(in: folder.path)
    #expect(folder.names.count == 2)
    try second.publish()
    #expect(try folder.read("a") == Array("second".utf8))
    try first.publish()
    #expect(try folder.read("a") == Array("first".utf8))
    #expect(folder.names == ["a"])
  }

  /// A file of an earlier version whose writer can be known to live, because something holds its lock.
  @Test func aLockedFileOfAnEarlierVersionStays() throws {
    let name = "a.1-1.partial"
    try folder.write(name, "half")
    let lock = try FileLock(path: folder.file(name))
    try AtomicFile.write("new", to: folder.file("a"))
    #expect(folder.names == ["a", name])
    withExtendedLifetime(lock) {}
  }

  /// The published file isn't locked: it can be edited at once.
  @Test func aPublishedFileCanBeLocked() throws {
    try AtomicFile.write("new", to: folder.file("a"))
    _ = try EditableFile(path: folder.file("a"))
    var writer = try AtomicFileWriter(path: folder.file("b"))
    try writer.write("new")
    try writer.publish()
    _ = try EditableFile(path: folder.file("b"))
  }

  @Test func aFoldersSweepCanOnlyList() throws {
    try folder.write("x.json.0123456789abcdef.partial", "half")
    let found = AtomicFile.sweepTemporaries(in: folder.path, removes: false)
    #expect(found.map(\.name) == folder.names && found.map(\.bytes) == [4])
    #expect(AtomicFile.sweepTemporaries(in: folder.path).count == 1)
    #expect(folder.names.isEmpty)
  }

  /// The holder is who has the lock, not who is named in the file.
  @Test func theHolderOfALockIsAskedOfTheLock() throws {
    let path = try folder.write("lock", "process \(ProcessUsage.identifier)")
    #expect(FileLock.holder(of: path) == nil)
    #expect(FileLock.holder(of: folder.file("none")) == nil)
    do {
      let lock = try FileLock(path: path, holder: "a build")
      #expect(FileLock.holder(of: path) == "\(ProcessUsage.label), a build")
      withExtendedLifetime(lock) {}
    }
    #expect(FileLock.holder(of: path) == nil)
  }
}
