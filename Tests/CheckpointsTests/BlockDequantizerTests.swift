import Bytes
import Numerics
import Testing

/// Dequantized blocks compared bit by bit with those of the gguf package.
@Suite struct BlockDequantizerTests {
  @Test(arguments: BlockType.allCases.filter { $0 != .f32 && $0 != .bf16 })
  func matchesTheReference(_ type: BlockType) throws {
    let blocks = ByteSlice(try Golden.bytes("blocks/\(type.name).bin"))
    let expected = try Golden.floats("blocks/\(type.name).f32")
    let decoded = BlockDequantizer.decode(blocks, type: type, shape: [expected.count]).values
    for (index, (value, wanted)) in zip(decoded, expected).enumerated() {
      #expect(
        value.bitPattern == wanted.bitPattern || (value.isNaN && wanted.isNaN),
        "\(type.name) weight \(index): \(value), not \(wanted)")
    }
    #expect(blocks.count == type.byteCount(of: expected.count))
  }

  @Test func bfloat16IsTheUpperHalfOfAFloat() {
    let bytes = ByteSlice([0x80, 0x3F, 0x20, 0xC0, 0x80, 0x7F, 0x01, 0x00])
    let decoded = BlockDequantizer.decode(bytes, type: .bf16, shape: [2, 2]).values
    #expect(decoded == [1, -2.5, .infinity, Float(bitPattern: 0x0001_0000)])
  }

  /// Decodes more blocks than one piece of the parallel loop takes, from an unaligned start.
  @Test(arguments: [1, 2, 7]) func resultIsIndependentOfThreads(_ threads: Int) throws {
    let blocks = try Golden.bytes("blocks/Q4_K.bin")
    let weights = try Golden.floats("blocks/Q4_K.f32")
    let copies = 150
    let bytes = ByteSlice([0xEE] + (0..<copies).flatMap { _ in blocks })
    let slice = try #require(bytes.slice(1..<bytes.count))
    let before = Parallel.threads
    Parallel.threads = threads
    defer { Parallel.threads = before }
    let decoded = BlockDequantizer.decode(slice, type: .q4_K, shape: [copies, weights.count])
    #expect(decoded.values == (0..<copies).flatMap { _ in weights })
  }

  @Test func rowsCanBeReordered() throws {
    let blocks = ByteSlice(try Golden.bytes("blocks/Q5_1.bin"))
    let plain = BlockDequantizer.decode(blocks, type: .q5_1, shape: [8, 32])
    let order = [7, 0, 3, 3, 1, 2, 6, 5]
    let moved = BlockDequantizer.decode(blocks, type: .q5_1, shape: [8, 32], rowOrder: order)
    for (row, source) in order.enumerated() {
      #expect(moved.rows(row..<row + 1).values == plain.rows(source..<source + 1).values)
    }
  }

  @Test func sizesAreCheckedWithoutOverflow() {
    #expect(BlockType.q4_0.byteCount(of: 33) == nil)
    #expect(BlockType.q6_K.byteCount(of: 512) == 420)
    #expect(BlockType.f32.byteCount(of: .max) == nil)
    #expect(BlockType.f16.byteCount(of: -2) == nil)
  }

  @Test(arguments: [1, 5, 1023, 1024, 1025, 3000]) func findsTheFirstNonFinite(_ count: Int) {
    let tensor = Tensor([count])
    for index in 0..<count { tensor[index] = .greatestFiniteMagnitude }
    #expect(tensor.firstNonFinite == nil)
    tensor[count - 1] = .nan
    #expect(tensor.firstNonFinite == count - 1)
    tensor[count / 2] = -.infinity
    #expect(tensor.firstNonFinite == count / 2)
  }
}
