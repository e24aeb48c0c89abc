import Bytes

/// Codes of 2, 3, 4 or 8 bits in bit planes, 64 codes to a block (Formats/packing.md).
///
/// Planes instead of a bit stream, so that a kernel unpacks a block with a few shifts and masks:
/// - 8 bits, 64 bytes: byte i = code i
/// - 4 bits, 32 bytes: byte i = code i | code (32 + i) << 4
/// - 2 bits, 16 bytes: byte i = code i | code (16 + i) << 2 | code (32 + i) << 4 | code (48 + i) <<
///   6
/// - 3 bits, 24 bytes: the low two bits as 2-bit block, then 8 bytes with bit i = high bit of code
///   i
public enum Planar {
  /// Codes in a block.
  public static let blockSize = 64

  /// Bytes of one block: 8·bits.
  public static func blockBytes(bits: Int) -> Int { blockSize * bits / 8 }

  /// Bytes of `count` codes in a run of blocks, the last one padded; nil on overflow.
  public static func size(count: Int, bits: Int) -> Int? {
    let (rounded, overflowed) = count.addingReportingOverflow(blockSize - 1)
    guard count >= 0, !overflowed else { return nil }
    let (size, tooLarge) = (rounded / blockSize).multipliedReportingOverflow(
      by: blockBytes(bits: bits))
    return tooLarge ? nil : size
  }

  /// Packs `codes` (each below 2^bits) into a run of blocks; the last block is padded with code 0.
  public static func pack(_ codes: [UInt8], bits: Int) -> [UInt8] {
    precondition(PackingLayout.planar(bits: bits) != nil, "no planar layout of \(bits) bits")
    var packed: [UInt8] = []
    packed.reserveCapacity(size(count: codes.count, bits: bits) ?? 0)
    var start = 0
    while start < codes.count {
      appendBlock(codes[start..<min(start + blockSize, codes.count)], bits, &packed)
      start += blockSize
    }
    return packed
  }

  /// Packs a matrix row by row, every row beginning a new block. `codes`: [rows · columns].
  public static func pack(_ codes: [UInt8], rows: Int, columns: Int, bits: Int) -> [UInt8] {
    precondition(codes.count == rows * columns, "\(codes.count) codes for \(rows) × \(columns)")
    if columns % blockSize == 0 { return pack(codes, bits: bits) }
    var packed: [UInt8] = []
    for row in 0..<rows {
      packed += pack(Array(codes[row * columns..<(row + 1) * columns]), bits: bits)
    }
    return packed
  }

  private static func appendBlock(_ block: ArraySlice<UInt8>, _ bits: Int, _ packed: inout [UInt8])
  {
    var codes = [UInt8](repeating: 0, count: blockSize)
    for (i, code) in block.enumerated() {
      precondition(bits == 8 || code < 1 << UInt8(bits), "code \(code) doesn't fit \(bits) bits")
      codes[i] = code
    }
    switch bits {
    case 8: packed += codes
    case 4: for i in 0..<32 { packed.append(codes[i] | codes[32 + i] << 4) }
    default:
      for i in 0..<16 {
        let low = (0..<4).reduce(UInt8(0)) { $0 | (codes[16 * $1 + i] & 3) << UInt8(2 * $1) }
        packed.append(low)
      }
      guard bits == 3 else { return }
      for byte in 0..<8 {
        packed.append((0..<8).reduce(UInt8(0)) { $0 | (codes[8 * byte + $1] >> 2) << UInt8($1) })
      }
    }
  }

  /// The first `count` codes of a run of blocks. Precondition: `packed` holds at least
  /// `size(count:bits:)` bytes.
  public static func unpack(_ packed: ByteSlice, count: Int, bits: Int) -> [UInt8] {
    precondition(PackingLayout.planar(bits: bits) != nil, "no planar layout of \(bits) bits")
    precondition(
      packed.count >= size(count: count, bits: bits) ?? .max, "packed codes are too short")
    let bytes = packed.array
    let width = blockBytes(bits: bits)
    return [UInt8](count: count) { index in
      code(bytes, at: index / blockSize * width, index % blockSize, bits)
    }
  }

  /// Code `i` (0..<64) of the block that begins at `start`.
  @inline(__always)
  private static func code(_ bytes: [UInt8], at start: Int, _ i: Int, _ bits: Int) -> UInt8 {
    switch bits {
    case 8: bytes[start + i]
    case 4: bytes[start + i % 32] >> UInt8(i / 32 * 4) & 15
    case 2: bytes[start + i % 16] >> UInt8(i / 16 * 2) & 3
    default:
      bytes[start + i % 16] >> UInt8(i / 16 * 2) & 3
        | (bytes[start + 16 + i / 8] >> UInt8(i % 8) & 1) << 2
    }
  }
}

extension [UInt8] {
  /// `count` bytes made one by one.
  fileprivate init(count: Int, _ make: (Int) -> UInt8) {
    self = []
    reserveCapacity(count)
    for index in 0..<count { append(make(index)) }
  }
}
