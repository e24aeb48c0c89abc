import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct FileTests {
  @Test func mappedBytesEqualTheWrittenOnes() throws {
    let folder = try TemporaryFolder()
    let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try AtomicFile.write(content, to: folder.file("a"))
    let slice: ByteSlice
    do {
      let file = try MappedFile(path: folder.file("a"))
      file.advise(.sequential)
      file.advise(.dontNeed, 5000..<200_000)
      slice = try #require(file.bytes.slice(10..<99_999))
    }
    // The slice keeps the mapping alive on its own.
    #expect(slice.array == Array(content[10..<99_999]))
    #expect(slice.slice(0..<200_000) == nil)
    #expect(slice.integer(at: 99_986, as: UInt32.self) == nil)
    #expect(folder.names == ["a"])
  }

  @Test func mapsAnEmptyFile() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([UInt8](), to: folder.file("empty"))
    #expect(try MappedFile(path: folder.file("empty")).bytes.count == 0)
  }

  @Test func unreadablePathsAreMissingInputs() throws {
    let folder = try TemporaryFolder()
    let made = unsafe mkfifo(folder.file("pipe"), 0o600)
    try #require(made == 0)
    for path in [folder.file("none"), folder.path, folder.file("pipe"), folder.file("none/deeper")]
    {
      let failure = #expect(throws: Failure.self) { try MappedFile(path: path) }
      #expect(failure?.kind == .inputMissing)
      #expect(failure?.file == path)
    }
  }

  @Test func aWriterWithoutPublishLeavesTheOldFile() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("old", to: folder.file("a"))
    do {
      var writer = try AtomicFileWriter(path: folder.file("a"))
      try writer.write([UInt8](repeating: 1, count: 3 << 20))
      #expect(folder.names.count == 2)
    }
    #expect(folder.names == ["a"])
    #expect(try MappedFile(path: folder.file("a")).bytes.array == Array("old".utf8))
  }

  @Test func padsAndOverwrites() throws {
    let folder = try TemporaryFolder()
    var writer = try AtomicFileWriter(path: folder.file("a"))
    try writer.write([1, 2, 3])
    try writer.pad(to: 8)
    try writer.pad(to: 8)
    #expect(writer.offset == 8)
    try writer.write(ByteSlice([UInt8](repeating: 9, count: 2 << 20)))
    try writer.overwrite(at: 1, [7, 7])
    try writer.publish()
    let bytes = try MappedFile(path: folder.file("a")).bytes
    #expect(bytes.slice(0..<9)?.array == [1, 7, 7, 0, 0, 0, 0, 0, 9])
    #expect(bytes.count == 8 + (2 << 20))
  }

  @Test func aMissingFolderMeansCannotCreate() throws {
    let folder = try TemporaryFolder()
    let failure = #expect(throws: Failure.self) {
      try AtomicFile.write("x", to: folder.file("missing/a"))
    }
    #expect(failure?.kind == .cannotCreate)
  }

  /// A limit on file sizes simulates a full disk: the same call fails at the same point.
  @Test func aFailedWriteThrowsIOAndLeavesTheOldFile() async throws {
    await #expect(processExitsWith: .exitCode(0)) {
      let folder = try TemporaryFolder()
      try AtomicFile.write("old", to: folder.file("a"))
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else {
        exit(2)
      }
      do {
        try AtomicFile.write([UInt8](repeating: 1, count: 8192), to: folder.file("a"))
        exit(3)
      } catch {
        guard (error as? Failure)?.kind == .io else { exit(4) }
      }
      guard folder.names == ["a"] else { exit(5) }
      guard try MappedFile(path: folder.file("a")).bytes.count == 3 else { exit(6) }
    }
  }

  @Test func theBusyFailureNamesTheHolderOfTheLock() throws {
    let folder = try TemporaryFolder()
    do {
      let lock = try FileLock(path: folder.file("lock"), holder: "ctpack run demo")
      let failure = #expect(throws: Failure.self) { _ = try FileLock(path: folder.file("lock")) }
      #expect(failure?.kind == .busy)
      #expect(failure?.finding.contains("\(ProcessUsage.label), ctpack run demo") == true)
      _ = consume lock
    }
    _ = try FileLock(path: folder.file("lock"))
  }

  @Test func aShrinkingFileEndsTheProcessWithAMessage() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(74), observing: [\.standardErrorContent]
    ) {
      MappedFile.installTruncationGuard(exitStatus: 74)
      let folder = try TemporaryFolder()
      try AtomicFile.write([UInt8](repeating: 1, count: 8192), to: folder.file("a"))
      let file = try MappedFile(path: folder.file("a"))
      guard unsafe truncate(folder.file("a"), 0) == 0 else { exit(4) }
      exit(file.bytes[5000] == 1 ? 2 : 3)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("a file shrank while it was being read"))
  }
}
