/// Planar codes of 3 bits, 64 in 24 bytes, as 32 bytes that hold two codes each, and back.
///
/// Byte i (0 ≤ i < 16) holds codes i and 16 + i, byte 16 + i codes 32 + i and 48 + i: the low two
/// bits of the first, those of the second, then the high bit of the first and of the second. A pair
/// has 64 values, so that Huffman's whole bits lose half as much per code as with single ones.
enum CodePairs {
  /// Bytes of 64 codes in planes.
  static let packedSize = 24
  /// Bytes of the same codes in pairs.
  static let pairedSize = 32

  private static let low: UInt64 = 0x0F0F_0F0F_0F0F_0F0F
  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// 24 bytes at `source` to 32 at `target`.
  @inline(__always)
  @unsafe static func pair(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
    let high = unsafe load(source, 16)
    for half in 0..<2 {
      let planes = unsafe load(source, 8 * half)
      let first = spread(high >> UInt64(8 * half)) << 4 | spread(high >> UInt64(16 + 8 * half)) << 5
      unsafe store(planes & low | first, target, 8 * half)
      let second =
        spread(high >> UInt64(32 + 8 * half)) << 4 | spread(high >> UInt64(48 + 8 * half)) << 5
      unsafe store(planes >> 4 & low | second, target, 16 + 8 * half)
    }
  }

  /// 32 bytes at `source` to 24 at `target`; bits 6 and 7 of a pair are ignored.
  @inline(__always)
  @unsafe static func unpair(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
    var high: UInt64 = 0
    for half in 0..<2 {
      let first = unsafe load(source, 8 * half)
      let second = unsafe load(source, 16 + 8 * half)
      unsafe store(first & low | (second & low) << 4, target, 8 * half)
      high |= gather(first >> 4) << UInt64(8 * half) | gather(first >> 5) << UInt64(16 + 8 * half)
      high |= gather(second >> 4) << UInt64(32 + 8 * half)
      high |= gather(second >> 5) << UInt64(48 + 8 * half)
    }
    unsafe store(high, target, 16)
  }

  /// Bit i of the lowest byte to the lowest bit of byte i.
  @inline(__always)
  private static func spread(_ bits: UInt64) -> UInt64 {
    let selected = ((bits & 0xFF) &* ones) & 0x8040_2010_0804_0201
    // Each byte is 0 or a power of two: adding 127 sets its top bit where it isn't 0.
    return (selected &+ 0x7F7F_7F7F_7F7F_7F7F) >> 7 & ones
  }

  /// The lowest bit of byte i to bit i; the products' places don't meet, so nothing carries.
  @inline(__always)
  private static func gather(_ bytes: UInt64) -> UInt64 {
    ((bytes & ones) &* 0x0102_0408_1020_4080) >> 56
  }

  @inline(__always)
  @unsafe private static func load(_ source: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    unsafe UInt64(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always)
  @unsafe private static func store(
    _ value: UInt64, _ target: UnsafeMutableRawPointer, _ offset: Int
  ) {
    unsafe target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
  }
}
