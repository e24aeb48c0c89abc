import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct MemoryTests {
  @Test(arguments: [
    ("4GiB", 4 << 30), ("1.5 GiB", 3 << 29), ("512 MiB", 512 << 20), ("1 KiB", 1024), ("77", 77),
    ("8B", 8), ("1e3 MiB", 1000 << 20),
  ])
  func amountsAreParsed(_ text: String, _ bytes: Int) {
    #expect(ByteAmount.parse(text) == bytes)
  }

  @Test(arguments: [
    "", "GiB", "-1 GiB", "0", "0.2", "4 GB", "4gib", "nan", "inf GiB", "1 MiB more", "1e30 GiB",
  ])
  func otherTextsAreNotAmounts(_ text: String) { #expect(ByteAmount.parse(text) == nil) }

  @Test func scratchFilesKeepReleasedBytes() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("rows")
    let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    do {
      let file = try ScratchFile(path: path, byteCount: content.count)
      #expect(file.bytes.array.allSatisfy { $0 == 0 })
      unsafe UnsafeMutableRawBufferPointer(start: file.start, count: file.byteCount)
        .copyBytes(from: content)
      file.release()
      #expect(file.bytes.array == content)
      try file.synchronize()
    }
    #expect(try folder.read("rows") == content)
    // Reopening keeps the content, and enlarging appends zeros.
    #expect(try ScratchFile(path: path, byteCount: content.count).bytes.array == content)
    let larger = try ScratchFile(path: path, byteCount: content.count + 10)
    #expect(larger.bytes.array == content + [UInt8](repeating: 0, count: 10))
  }

  @Test func scratchFilesThatCannotBeCreatedAreReported() throws {
    let folder = try TemporaryFolder()
    let nowhere = #expect(throws: Failure.self) {
      try ScratchFile(path: folder.file("none/rows"), byteCount: 4096)
    }
    #expect(nowhere?.kind == .cannotCreate)
    // More than any disk has, so that the allocation fails before anything is written.
    let tooLarge = #expect(throws: Failure.self) {
      try ScratchFile(path: folder.file("rows"), byteCount: 1 << 60)
    }
    #expect(tooLarge?.kind == .io)
  }

  @Test func releasedBytesAreReadAgain() throws {
    let folder = try TemporaryFolder()
    let content = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 * 13) }
    try folder.write("a", content)
    let all = try MappedFile(path: folder.file("a")).bytes
    let part = try #require(all.slice(5_001..<20_003))
    part.release()
    #expect(part.array == Array(content[5_001..<20_003]))
    #expect(all.array == content)
    let copied = ByteSlice(content)
    copied.release()
    #expect(copied.array == content)
  }

  @Test func memoryUseIsReported() throws {
    let memory = try #require(ProcessUsage.memory)
    #expect(memory.anonymous > 0 && memory.anonymous <= memory.resident)
    #expect(memory.resident <= ProcessUsage.peakMemory + (64 << 20))
    #expect(ProcessUsage.memory(of: ProcessUsage.identifier) != nil)
    #expect(ProcessUsage.availableMemory > 64 << 20)
  }
}
