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
