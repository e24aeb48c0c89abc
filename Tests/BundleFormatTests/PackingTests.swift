import BundleFormat
import Bytes
import Testing

@Suite struct PackingTests {
  /// Around the block size and its halves and quarters, where an off-by-one would show.
  @Test(arguments: [2, 3, 4, 8])
  func planarRoundTrip(bits: Int) throws {
    for count in [1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 200] {
      let codes = Samples.codes(count, bits: bits, seed: count)
      let packed = Planar.pack(codes, bits: bits)
      #expect(packed.count == Planar.size(count: count, bits: bits))
      #expect(packed.count == (count + 63) / 64 * 8 * bits)
      #expect(Planar.unpack(ByteSlice(packed), count: count, bits: bits) == codes)
    }
  }

  /// One code set at a time, against the positions that Formats/packing.md gives.
  @Test func planarBitPositions() {
    for i in 0..<64 {
      var codes = [UInt8](repeating: 0, count: 64)
      codes[i] = 7
      let three = Planar.pack(codes, bits: 3)
      #expect(three[i % 16] == 3 << UInt8(2 * (i / 16)))
      #expect(three[16 + i / 8] == 1 << UInt8(i % 8))
      #expect(three.count { $0 != 0 } == 2)
      codes[i] = 9
      let four = Planar.pack(codes, bits: 4)
      #expect(four[i % 32] == 9 << UInt8(4 * (i / 32)))
      #expect(four.count { $0 != 0 } == 1)
      codes[i] = 2
      let two = Planar.pack(codes, bits: 2)
      #expect(two[i % 16] == 2 << UInt8(2 * (i / 16)))
      #expect(two.count { $0 != 0 } == 1)
    }
  }

  @Test func rowsBeginNewBlocks() {
    let codes = Samples.codes(2 * 70, bits: 3, seed: 3)
    let packed = Planar.pack(codes, rows: 2, columns: 70, bits: 3)
    #expect(packed.count == 2 * 2 * 24)
    #expect(Array(packed[48...]) == Planar.pack(Array(codes[70...]), bits: 3))
  }

  @Test func sizesDoNotOverflow() {
    #expect(Planar.size(count: .max, bits: 8) == nil)
    #expect(Planar.size(count: -1, bits: 8) == nil)
    #expect(Bitmask.size(rows: .max, columns: .max) == nil)
    #expect(NMPattern(kept: 2, of: 4)?.size(rows: .max / 2, columns: 4) == nil)
  }

  @Test(arguments: [1, 63, 64, 65, 130])
  func bitmaskRoundTrip(columns: Int) {
    let flags = Samples.flags(3 * columns, seed: columns)
    let mask = ByteSlice(Bitmask.pack(flags, rows: 3, columns: columns))
    #expect(mask.count == Bitmask.size(rows: 3, columns: columns))
    #expect(Bitmask.unpack(mask, rows: 3, columns: columns) == flags)
    #expect(Bitmask.population(mask) == flags.count { $0 })
  }

  @Test(arguments: [(2, 4), (4, 8), (1, 3), (3, 5), (16, 32), (1, 2)])
  func combinationsRoundTrip(kept: Int, of: Int) throws {
    let pattern = try #require(NMPattern(kept: kept, of: of))
    for columns in [of, of * 3, of * 2 + 1, of + of / 2, 1] {
      var flags = [Bool](repeating: false, count: 2 * columns)
      for row in 0..<2 {
        for start in stride(from: 0, to: columns, by: of) {
          let width = min(of, columns - start)
          for i in 0..<min(kept, width) { flags[row * columns + start + width - 1 - i] = true }
        }
      }
      let list = try #require(pattern.pack(flags, rows: 2, columns: columns))
      #expect(list.count == pattern.size(rows: 2, columns: columns))
      #expect(pattern.unpack(ByteSlice(list), rows: 2, columns: columns) == flags)
      flags[flags.firstIndex(of: true) ?? 0] = false
      #expect(pattern.pack(flags, rows: 2, columns: columns) == nil)
    }
  }

  @Test func combinationsRefuseNonsense() throws {
    let pattern = try #require(NMPattern(kept: 2, of: 4))
    // There are six combinations of 2 of 4; bits beyond the last rank must be 0.
    #expect(pattern.unpack(ByteSlice([6]), rows: 1, columns: 4) == nil)
    #expect(pattern.unpack(ByteSlice([7]), rows: 1, columns: 4) == nil)
    #expect(pattern.unpack(ByteSlice([0]), rows: 1, columns: 4) == [true, true, false, false])
    #expect(pattern.unpack(ByteSlice([3]), rows: 1, columns: 4) == [true, false, false, true])
    #expect(pattern.unpack(ByteSlice([5]), rows: 1, columns: 4) == [false, false, true, true])
    #expect(pattern.unpack(ByteSlice([0b1000]), rows: 1, columns: 4) == nil)
    #expect(NMPattern(kept: 4, of: 4) == nil)
    #expect(NMPattern(kept: 0, of: 4) == nil)
    #expect(NMPattern(kept: 1, of: 33) == nil)
    #expect(pattern.rankBits == 3)
  }

  /// By hand: 2 rows × 3 columns, groups of 2 with a short last one, z and 2^e both at work.
  @Test func dequantizesByHand() throws {
    var scales: [UInt8] = []
    for value: Float16 in [0.5, 1, 2, 0.25] { scales.append(littleEndian: value.bitPattern) }
    let tensor = try StoredTensor.packed(
      name: "w", shape: [2, 3], bits: 4, groupSize: 2,
      codes: ByteSlice(Planar.pack([1, 2, 3, 15, 0, 8], rows: 2, columns: 3, bits: 4)),
      scales: ByteSlice(scales), zeros: ByteSlice(Planar.pack([0, 1, 15, 8], bits: 4)),
      scaleExponent: 1)
    #expect(try tensor.dequantized() == [1, 2, 4, 0, -60, 0])
  }

  /// A masked weight is exactly 0 even where its group's zero point isn't the code 0.
  @Test func maskedWeightsAreZero() throws {
    let mask = ByteSlice(Bitmask.pack([true, false, false, true], rows: 2, columns: 2))
    var scales: [UInt8] = []
    for value: Float16 in [1, 1] { scales.append(littleEndian: value.bitPattern) }
    let tensor = try StoredTensor.packed(
      name: "w", shape: [2, 2], bits: 2, groupSize: 2,
      codes: ByteSlice(Planar.pack([0, 3], bits: 2)),
      scales: ByteSlice(scales), mask: .bitmask(mask))
    #expect(try tensor.dequantized() == [-2, 0, 0, 1])
    #expect(tensor.descriptor.sparsityRatio == 0.5)
    let dense = try StoredTensor.dense(
      name: "d", shape: [2, 2], format: .float32, values: ByteSlice([UInt8](floats: [5, 6])),
      mask: .bitmask(mask))
    #expect(try dense.dequantized() == [5, 0, 0, 6])
  }
}
