import Bytes
import Checkpoints
import Numerics
import TestSupport
import Testing

/// Valid files with damage. A file that was cut short is always refused; after random damage,
/// thousands of variants, a file is refused with a message or read to the end. How many of those
/// are refused is a matter of luck, and isn't asserted.
@Suite struct MutationTests {
  private static let hostile: [UInt64] = [
    0, 1, 31, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62, 1 << 63, .max,
  ]

  /// `bytes` with one to four random changes, most of them in the structure (the first `head`
  /// bytes).
  private func damaged(
    _ bytes: [UInt8], head: Int, _ random: inout TestRandom
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<1 + random.below(4) {
      guard bytes.count > 16 else { break }
      let reach = random.below(4) == 0 ? bytes.count : min(head, bytes.count)
      let place = random.below(reach)
      switch random.below(6) {
      case 0: bytes[place] ^= 1 << UInt8(random.below(8))
      case 1: bytes[place] = UInt8(random.below(256))
      case 2:
        let value = Self.hostile[random.below(Self.hostile.count)]
        let width = random.below(2) == 0 ? 8 : 4
        for i in 0..<min(width, bytes.count - place) {
          bytes[place + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(i)))
        }
      case 3: bytes.removeLast(1 + random.below(bytes.count - 8))
      case 4:
        let count = 1 + random.below(64)
        bytes.removeSubrange(place..<min(place + count, bytes.count))
      default:
        let run = bytes[place..<min(place + 1 + random.below(64), bytes.count)]
        bytes.insert(contentsOf: Array(run), at: random.below(reach))
      }
    }
    return bytes
  }

  /// Runs `read` on `file`, which it must accept, on prefixes of it, which it must refuse, and on
  /// 1,500 damaged variants.
  ///
  /// - Parameters:
  ///   - head: the bytes that hold the file's structure.
  ///   - padding: the bytes at the file's end that it can lose.
  private func check(
    _ file: String, head: Int, padding: Int = 0, _ read: (ByteSlice) throws -> Void
  ) throws {
    var random = TestRandom(file)
    let bytes = try Golden.bytes(file)
    try read(ByteSlice(bytes))
    /// Whether `read` refuses the bytes, with a message.
    func isRefused(_ bytes: [UInt8], _ note: Comment) throws -> Bool {
      do { try read(ByteSlice(bytes)) } catch let failure as Failure {
        #expect(
          failure.kind == .invalidData && failure.file == "damaged" && !failure.finding.isEmpty
            && failure.description.utf8.count < 2000, "\(note): \(failure)")
        return true
      }
      return false
    }
    let whole = bytes.count - padding
    for length in Set(0..<min(120, whole)).union(stride(from: whole - 1, to: 0, by: -101)) {
      #expect(try isRefused(Array(bytes[..<length]), "cut to \(length)"), "cut to \(length)")
    }
    for round in 0..<1500 {
      _ = try isRefused(
        damaged(bytes, head: head, &random), "round \(round), \(random.note)")
    }
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["llama3-factors.gguf", "qwen2-plain.gguf", "llama-quantized.gguf"])
  func gguf(_ file: String) throws {
    // Tensors are padded to multiples of 32 bytes.
    try check(file, head: 2000, padding: 31) { bytes in
      let model = try GGUFCheckpoint(file: try GGUFFile(bytes: bytes, path: "damaged"))
      for name in model.tensorNames { _ = try model.tensor(name).firstNonFinite }
      _ = model.configuration.inverseFrequencies()
    }
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["mistral-old/model.safetensors", "llama3-sharded/model-00001-of-00004.safetensors"])
  func safetensors(_ file: String) throws {
    try check(file, head: 1500) { bytes in
      let file = try SafetensorsFile(bytes: bytes, path: "damaged")
      for (_, entry) in file.entries {
        #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
      }
    }
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["views.bin", "views.protocol4.bin", "views.zip64.bin", "opt-bin/pytorch_model.bin"])
  func pyTorch(_ file: String) throws {
    try check(file, head: 3000) { bytes in
      let file = try PyTorchFile(bytes: bytes, path: "damaged")
      for (_, entry) in file.entries {
        #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
      }
    }
  }

  /// Damages the pickle alone, in a valid archive, so that nearly every change affects its program.
  @Test(.timeLimit(.minutes(5)), arguments: ["views.bin", "views.protocol4.bin"])
  func pickle(_ file: String) throws {
    var random = TestRandom(file)
    let bytes = try Golden.bytes(file)
    let start = try #require((0..<200).first { bytes[$0] == 0x80 && bytes[$0 + 1] < 5 })
    let end = try #require(
      (start..<bytes.count).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 7, 8] })
    // A program without its last operation, STOP, ends too early.
    for length in 0..<end - start {
      #expect(throws: Failure.self, "cut to \(length)") {
        try PyTorchFile(
          bytes: ZipBuilder.file(pickle: Array(bytes[start..<start + length])), path: "damaged")
      }
    }
    for round in 0..<5000 {
      let pickle = damaged(Array(bytes[start..<end]), head: .max, &random)
      do {
        let found = try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "damaged")
        for (_, entry) in found.entries {
          #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
        }
      } catch {
        #expect(
          error.kind == .invalidData && error.description.utf8.count < 2000,
          "round \(round): \(error), \(random.note)")
      }
    }
  }

  @Test(.timeLimit(.minutes(5))) func configuration() throws {
    // The file may end with a line feed.
    try check("llama3-sharded/config.json", head: 900, padding: 1) { bytes in
      let json = try JSON(parsing: bytes, file: "damaged")
      let configuration = try ModelConfiguration(huggingFace: json, file: "damaged")
      _ = try ModelConfiguration(canonical: configuration.canonical).inverseFrequencies()
    }
  }
}
