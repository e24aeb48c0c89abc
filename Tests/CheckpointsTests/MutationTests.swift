import Bytes
import Checkpoints
import Numerics
import TestSupport
import Testing

/// Valid files with random damage, thousands of variants: each must be refused with a message or
/// read to the end.
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

  /// Runs `read` on damaged variants of `file` and returns the number that were refused.
  private func refusals(
    _ file: String, head: Int, rounds: Int, _ read: (ByteSlice) throws -> Void
  ) throws -> Int {
    var random = TestRandom(file)
    let bytes = try Golden.bytes(file)
    var refused = 0
    for round in 0..<rounds {
      do {
        try read(ByteSlice(damaged(bytes, head: head, &random)))
      } catch let failure as Failure {
        refused += 1
        #expect(
          failure.kind == .invalidData && failure.file == "damaged" && !failure.finding.isEmpty
            && failure.description.utf8.count < 2000,
          "round \(round): \(failure), \(random.note)")
      }
    }
    return refused
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["llama3-factors.gguf", "qwen2-plain.gguf", "llama-quantized.gguf"])
  func gguf(_ file: String) throws {
    let refused = try refusals(file, head: 2000, rounds: 1500) { bytes in
      let model = try GGUFCheckpoint(file: try GGUFFile(bytes: bytes, path: "damaged"))
      for name in model.tensorNames { _ = try model.tensor(name).firstNonFinite }
      _ = model.configuration.inverseFrequencies()
    }
    // Some changes only affect values, so not all variants may be refused, but most must be.
    #expect(refused > 500 && refused < 1500, "\(refused) refused, \(TestRandom.note)")
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["mistral-old/model.safetensors", "llama3-sharded/model-00001-of-00004.safetensors"])
  func safetensors(_ file: String) throws {
    let refused = try refusals(file, head: 1500, rounds: 1500) { bytes in
      let file = try SafetensorsFile(bytes: bytes, path: "damaged")
      for (_, entry) in file.entries {
        #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
      }
    }
    #expect(refused > 500 && refused < 1500, "\(refused) refused, \(TestRandom.note)")
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: ["views.bin", "views.protocol4.bin", "views.zip64.bin", "opt-bin/pytorch_model.bin"])
  func pyTorch(_ file: String) throws {
    let refused = try refusals(file, head: 3000, rounds: 1500) { bytes in
      let file = try PyTorchFile(bytes: bytes, path: "damaged")
      for (_, entry) in file.entries {
        #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
      }
    }
    #expect(refused > 500 && refused < 1500, "\(refused) refused, \(TestRandom.note)")
  }

  /// Damages the pickle alone, in a valid archive, so that nearly every change affects its program.
  @Test(.timeLimit(.minutes(5)), arguments: ["views.bin", "views.protocol4.bin"])
  func pickle(_ file: String) throws {
    var random = TestRandom(file)
    let bytes = try Golden.bytes(file)
    let start = try #require((0..<200).first { bytes[$0] == 0x80 && bytes[$0 + 1] < 5 })
    let end = try #require(
      (start..<bytes.count).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 7, 8] })
    var refused = 0
    for round in 0..<5000 {
      let pickle = damaged(Array(bytes[start..<end]), head: .max, &random)
      do {
        let found = try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "damaged")
        for (_, entry) in found.entries {
          #expect(entry.type.byteCount(entry.shape) == entry.bytes.count)
        }
      } catch {
        refused += 1
        #expect(
          error.kind == .invalidData && error.description.utf8.count < 2000,
          "round \(round): \(error), \(random.note)")
      }
    }
    #expect(refused > 1000, "\(refused) refused, \(TestRandom.note)")
  }

  @Test(.timeLimit(.minutes(5))) func configuration() throws {
    let refused = try refusals("llama3-sharded/config.json", head: 900, rounds: 1500) { bytes in
      let json = try JSON(parsing: bytes, file: "damaged")
      let configuration = try ModelConfiguration(huggingFace: json, file: "damaged")
      _ = try ModelConfiguration(canonical: configuration.canonical).inverseFrequencies()
    }
    #expect(refused > 500 && refused < 1500, "\(refused) refused, \(TestRandom.note)")
  }
}
