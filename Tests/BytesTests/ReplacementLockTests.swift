import Bytes
import Foundation
import TestSupport
import Testing

/// Whoever replaces a file locks it, so that nobody's edit is lost.
@Suite struct ReplacementLockTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a")
  }

  private func writer() throws -> AtomicFileWriter {
    var writer = try AtomicFileWriter(FileDestination(path))
    try writer.write("new")
    return writer
  }

  private var content: String {
    (try? folder.read("a")).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  @Test func aFileThatIsBeingEditedIsBusy() throws {
    try folder.write("a", "old")
    let editor = try EditableFile(path: path)
    let failure = #expect(throws: Failure.self) {
      _ = try ReplacementLock(FileDestination(path))
    }
    #expect(failure?.kind == .busy && failure?.file == path)
    _ = try editor.size
  }

  @Test func aFileThatIsBeingReplacedCannotBeEdited() throws {
    try folder.write("a", "old")
    let lock = try ReplacementLock(FileDestination(path))
    let failure = #expect(throws: Failure.self) { _ = try EditableFile(path: path) }
    #expect(failure?.kind == .busy)
    try writer().publish(replacing: lock)
    #expect(content == "new")
  }

  @Test func afterwardsTheNewFileIsFree() throws {
    for _ in 0..<2 {
      let lock = try ReplacementLock(FileDestination(path))
      try writer().publish(replacing: lock)
    }
    #expect(content == "new" && folder.names == ["a"])
    _ = try EditableFile(path: path)
  }

  /// Between the look at a free name and the file's arrival another one may come.
  @Test func aFileThatAppearedMeanwhileIsKept() throws {
    let lock = try ReplacementLock(FileDestination(path))
    let wasThere = lock.exists
    #expect(!wasThere)
    try folder.write("a", "other")
    let failure = #expect(throws: Failure.self) { try writer().publish(replacing: lock) }
    #expect(failure?.kind == .busy)
    #expect(content == "other" && folder.names == ["a"])
  }

  @Test func aFileThatWasReplacedMeanwhileIsKept() throws {
    try folder.write("a", "old")
    let lock = try ReplacementLock(FileDestination(path))
    try folder.write("b", "other")
    #expect(unsafe rename(folder.file("b"), path) == 0)
    let failure = #expect(throws: Failure.self) { try writer().publish(replacing: lock) }
    #expect(failure?.kind == .busy)
    #expect(content == "other" && folder.names == ["a"])
  }

  /// The owner of a file may replace it where only its folder can be written to.
  @Test func aReadOnlyFileCanBeLocked() throws {
    try folder.write("a", "old")
    #expect(unsafe chmod(path, 0o400) == 0)
    let lock = try ReplacementLock(FileDestination(path))
    let wasThere = lock.exists
    #expect(wasThere)
    try writer().publish(replacing: lock)
    #expect(content == "new")
  }

  @Test func anEditedFileMustKeepItsName() throws {
    try folder.write("a", "old")
    let editor = try EditableFile(path: path)
    try editor.checkNamed()
    try folder.write("b", "other")
    #expect(unsafe rename(folder.file("b"), path) == 0)
    let failure = #expect(throws: Failure.self) { try editor.checkNamed() }
    #expect(failure?.kind == .busy)
    #expect(try editor.mapped().bytes.array == Array("old".utf8), "the locked file, not the name's")
  }
}
