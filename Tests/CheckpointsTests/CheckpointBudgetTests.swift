import Bytes
import Checkpoints
import Testing

/// Checkpoints that describe more than they store: refused at a limit, before they take the memory.
@Suite struct CheckpointBudgetTests {
  /// 3 MiB of one opcode: each makes a value of its own, which takes far more than its byte.
  @Test(arguments: ["}", "]", "}\u{94}", "N\u{85}", "(t"])
  func picklesOfManyValuesAreRefused(unit: String) {
    let bytes = unit.unicodeScalars.map { UInt8($0.value) }
    var program = Opcode.start
    while program.count < 3 << 20 { program += bytes }
    do {
      _ = try PyTorchFile(bytes: ZipBuilder.file(pickle: program + [0x2E]), path: "model.bin")
      Issue.record("nothing was refused")
    } catch {
      #expect(error.kind == .invalidData && error.file == "model.bin")
      #expect(error.finding.contains("the limit"), "\(error)")
    }
  }

  /// Values that can't change are made once, however often they occur.
  @Test(arguments: ["N", ")", "\u{88}", "\u{89}"])
  func constantsTakeNoMemoryOfTheirOwn(unit: String) {
    let byte = UInt8(unit.unicodeScalars.first?.value ?? 0)
    let program = Opcode.start + [UInt8](repeating: byte, count: 1 << 20) + [0x2E]
    do {
      _ = try PyTorchFile(bytes: ZipBuilder.file(pickle: program), path: "model.bin")
      Issue.record("nothing was refused")
    } catch {
      #expect(error.finding.contains("not a state dict"), "\(error)")
    }
  }

  /// A place in the memo takes less than its opcode may, so that a pickle of nothing else is read to
  /// its end; it is refused for what it holds, not for its memory.
  @Test(arguments: ["\u{94}", "q\u{0}"])
  func memoEntriesAreSmall(unit: String) {
    let bytes = unit.unicodeScalars.map { UInt8($0.value) }
    var program = Opcode.start + Array("N".utf8)
    while program.count < 2 << 20 { program += bytes }
    expectRefusal("not a state dict", of: program + [0x2E])
  }

  /// An index in the memo takes the places below it, however short the pickle is.
  @Test(arguments: [
    (UInt32(300_000), "not a state dict"), (400_000, "the limit"), (.max, "the limit"),
  ])
  func sparseMemosAreCounted(index: UInt32, finding: String) {
    var program = Opcode.start + Array("Nr".utf8)
    program.append(littleEndian: index)
    expectRefusal(finding, of: program + [0x2E])
  }

  /// MEMOIZE takes the number of entries as its index, as in Python: the one after index 5 is 1.
  @Test func memoIndicesCountEntries() {
    let memoized = Opcode.start + [0x4E, 0x71, 5, 0x94, 0x68]  // N, q 5, MEMOIZE, h
    expectRefusal("not a state dict", of: memoized + [1, 0x2E])
    expectRefusal("the memo has no entry 0", of: memoized + [0, 0x2E])
    expectRefusal("the memo has no entry 6", of: memoized + [6, 0x2E])
  }

  private func expectRefusal(
    _ finding: String, of pickle: [UInt8], _ location: SourceLocation = #_sourceLocation
  ) {
    let failure = #expect(throws: Failure.self, sourceLocation: location) {
      try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "model.bin")
    }
    #expect(failure?.kind == .invalidData, sourceLocation: location)
    #expect(
      failure?.finding.contains(finding) == true, "\(failure?.description ?? "")",
      sourceLocation: location)
  }

  /// A state dict of many small tensors stays within the limit.
  @Test func stateDictsOfManyTensorsAreRead() throws {
    var items: [UInt8] = []
    for index in 0..<4000 {
      items += Opcode.text("w\(index)")
      items += Opcode.tensor(shape: Opcode.tuple([2, 3]), strides: Opcode.tuple([3, 1]))
    }
    let pickle = Opcode.start + Array("}(".utf8) + items + Array("u.".utf8)
    let file = try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "model.bin")
    #expect(file.entries.count == 4000)
  }

  /// An entry inside another one's data, with a local header of its own.
  @Test func zipEntriesThatShareBytesAreRefused() throws {
    var inner = ZipBuilder()
    inner.add("archive/data/1", [UInt8](repeating: 1, count: 24))
    var zip = ZipBuilder()
    zip.add(
      "archive/data.pkl",
      Opcode.stateDict(Opcode.tensor(shape: Opcode.tuple([6]), strides: Opcode.tuple([1]))))
    zip.add("archive/data/0", inner.entries)
    zip.addAgain("archive/data/1", size: 24, at: zip.end - inner.entries.count)
    do {
      _ = try PyTorchFile(bytes: ByteSlice(zip.archive()), path: "model.bin")
      Issue.record("nothing was refused")
    } catch {
      #expect(error.kind == .invalidData && error.finding.contains("overlaps"), "\(error)")
    }
  }

  @Test func safetensorsHeadersOfManyValuesAreRefused() {
    let ones = String(repeating: "1,", count: 2_500_000)
    let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[\(ones)1],\"data_offsets\":[0,4]}}"
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(header.utf8.count))
    bytes += Array(header.utf8) + [0, 0, 0, 0]
    do {
      _ = try SafetensorsFile(bytes: ByteSlice(bytes), path: "model.safetensors")
      Issue.record("nothing was refused")
    } catch {
      #expect(error.kind == .invalidData && error.file == "model.safetensors")
      #expect(error.place?.hasPrefix("header, byte ") == true)
      #expect(error.finding.contains("the limit"), "\(error)")
    }
  }
}
