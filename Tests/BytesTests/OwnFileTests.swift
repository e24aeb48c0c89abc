import Bytes
import Foundation
import TestSupport
import Testing

/// Locks, logs and scratch files are never opened through a link, whose target would be changed.
@Suite struct OwnFileTests {
  let folder: TemporaryFolder

  /// The ways to open a file of the program's own at a path.
  enum Opening: CaseIterable {
    case lock, scratch, log

    func callAsFunction(_ path: String) throws(Failure) {
      switch self {
      case .lock: _ = try FileLock(path: path, holder: "test")
      case .scratch: _ = try ScratchFile(path: path, byteCount: 4)
      case .log: try OwnFile.append("line\n", to: path)
      }
    }
  }

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("victim", "precious")
  }

  private func expectRefusal(_ opening: Opening, _ name: String, _ word: String) throws {
    let failure = #expect(throws: Failure.self) { try opening(folder.file(name)) }
    #expect(failure?.kind == .cannotCreate && failure?.file == folder.file(name), "\(opening)")
    #expect(failure?.description.contains(word) == true, "\(opening): \(failure as Any)")
    #expect(try folder.read("victim") == Array("precious".utf8), "\(opening)")
  }

  @Test(arguments: Opening.allCases) func aSymbolicLinkIsRefused(opening: Opening) throws {
    for (name, target) in [("near", "victim"), ("far", folder.file("victim")), ("new", "missing")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: target)
      try expectRefusal(opening, name, "symbolic link")
    }
    #expect(!folder.names.contains("missing"))
  }

  @Test(arguments: Opening.allCases) func aNamedPipeIsRefused(opening: Opening) throws {
    #expect(unsafe mkfifo(folder.file("pipe"), 0o600) == 0)
    let failure = #expect(throws: Failure.self) { try opening(folder.file("pipe")) }
    #expect(failure?.kind == .cannotCreate, "\(opening)")
  }

  @Test(arguments: [Opening.lock, .scratch]) func aHardLinkIsRefused(opening: Opening) throws {
    try FileManager.default.linkItem(atPath: folder.file("victim"), toPath: folder.file("hard"))
    try expectRefusal(opening, "hard", "hard link")
  }

  /// A copy of a work folder by hard links shares the lock's file; it holds nothing to lose.
  @Test func aLockThatIsSharedByCopiesIsALock() throws {
    _ = try FileLock(path: folder.file("lock"))
    try FileManager.default.linkItem(atPath: folder.file("lock"), toPath: folder.file("copy"))
    _ = try FileLock(path: folder.file("copy"))
  }

  @Test func linesAreAppended() throws {
    for text in ["a\n", "b\n"] { try OwnFile.append(text, to: folder.file("log")) }
    #expect(try folder.read("log") == Array("a\nb\n".utf8))
  }
}
