import Bytes
import Foundation
import TestSupport
import Testing

/// Files that the user named are replaced without changing what else is known by their name: links,
/// modes and owners.
@Suite struct FileDestinationTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(name), withDestinationPath: target)
  }

  private func target(_ name: String) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: folder.file(name))
  }

  private func status(_ name: String) throws -> stat {
    var status = stat()
    try #require(unsafe lstat(folder.file(name), &status) == 0)
    return status
  }

  private func write(_ text: String, to name: String) throws {
    try AtomicFile.write(Array(text.utf8), to: FileDestination(folder.file(name)))
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try folder.read(name), as: UTF8.self)
  }

  @Test func aLinkStaysAndItsFileIsReplaced() throws {
    try folder.write("deep/real", "old")
    try link("first", to: "second")
    try link("second", to: "deep/third")
    try link("deep/third", to: "real")
    try write("new", to: "first")
    #expect(try text("deep/real") == "new")
    #expect(target("first") == "second" && target("second") == "deep/third")
    #expect(target("deep/third") == "real")
    #expect(TemporaryFolder.names(in: folder.file("deep")) == ["real", "third"])
    #expect(folder.names == ["deep", "first", "second"])
  }

  @Test func aLinkToNothingGetsItsFile() throws {
    try link("link", to: folder.file("made"))
    let destination = try FileDestination(folder.file("link"))
    #expect(!destination.exists && destination.path == folder.file("made"))
    try write("new", to: "link")
    #expect(try text("made") == "new")
    #expect(target("link") == folder.file("made"))
  }

  /// A file of the program's own takes the place of a link instead, so that nobody can make it write
  /// elsewhere.
  @Test func anOwnFileReplacesALink() throws {
    try folder.write("victim", "precious")
    try link("own", to: "victim")
    try AtomicFile.write("new", to: folder.file("own"))
    #expect(try text("victim") == "precious")
    #expect(target("own") == nil)
    #expect(try text("own") == "new")
  }

  @Test(arguments: [0o600, 0o400, 0o640, 0o664, 0o755] as [mode_t])
  func theModeStays(mode: mode_t) throws {
    try folder.write("a", "old")
    #expect(unsafe chmod(folder.file("a"), mode) == 0)
    try write("new", to: "a")
    #expect(try text("a") == "new")
    #expect(try status("a").st_mode & 0o7777 == mode)
  }

  /// A private file is private from its first byte on.
  @Test func theTemporaryFileOfAPrivateFileIsPrivate() throws {
    try folder.write("a", "old")
    #expect(unsafe chmod(folder.file("a"), 0o600) == 0)
    let writer = try AtomicFileWriter(FileDestination(folder.file("a")))
    let names = folder.names.filter { $0 != "a" }
    #expect(names.count == 1)
    for name in names { #expect(try status(name).st_mode & 0o077 == 0) }
    _ = writer.offset
  }

  @Test func aNewFileHasTheUsualMode() throws {
    try write("new", to: "a")
    #expect(try status("a").st_mode & 0o600 == 0o600)
    #expect(try status("a").st_mode & 0o111 == 0)
  }

  @Test(.enabled(if: getuid() == 0, "only root can give files away"))
  func theOwnerStays() throws {
    try folder.write("a", "old")
    #expect(unsafe chown(folder.file("a"), 1234, 2345) == 0)
    #expect(unsafe chmod(folder.file("a"), 0o640) == 0)
    try write("new", to: "a")
    let status = try status("a")
    #expect(status.st_uid == 1234 && status.st_gid == 2345)
    #expect(status.st_mode & 0o7777 == 0o640)
  }

  @Test func whatIsNoFileIsRefused() throws {
    try folder.write("folder/x", "")
    try link("to-folder", to: "folder")
    try link("loop", to: "pool")
    try link("pool", to: "loop")
    #expect(unsafe mkfifo(folder.file("fifo"), 0o600) == 0)
    for (name, word) in [
      ("folder", "folder"), ("to-folder", "folder"), ("loop", "itself"), ("fifo", "regular"),
    ] {
      let failure = #expect(throws: Failure.self) { try write("new", to: name) }
      #expect(failure?.kind == .cannotCreate && failure?.finding.contains(word) == true, "\(name)")
      #expect(failure?.file == folder.file(name))
    }
    #expect(try status("fifo").st_mode & S_IFMT == S_IFIFO)
  }
}
