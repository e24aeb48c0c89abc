import Bytes

/// A stream of bits, least significant first, cut into symbols of 5, 6 or 7 bits, a byte each. A
/// byte then holds whole ranks, and a Huffman code can use their frequencies.
enum SymbolStream {
  /// ceil(8 · bytes / width) symbols; bits beyond the last byte are 0.
  static func cut(_ bytes: ByteSlice, width: Int) -> [UInt8] {
    let count = (bytes.count * 8 + width - 1) / width
    var symbols: [UInt8] = []
    symbols.reserveCapacity(count)
    var (window, held) = (UInt32(0), 0)
    for byte in bytes.array {
      window |= UInt32(byte) << UInt32(held)
      held += 8
      while held >= width {
        symbols.append(UInt8(window & (1 << UInt32(width) - 1)))
        window >>= UInt32(width)
        held -= width
      }
    }
    if held > 0 { symbols.append(UInt8(window)) }
    return symbols
  }

  /// The symbols at `source` to the `count` bytes they came from; bits beyond `width` are ignored.
  @unsafe static func join(
    _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, count: Int, width: Int
  ) {
    let mask = UInt64(1) << UInt64(width) - 1
    var (window, held, next) = (UInt64(0), 0, 0)
    for i in 0..<count {
      while held < 8 {
        let symbol = unsafe UInt64(source.load(fromByteOffset: next, as: UInt8.self))
        window |= (symbol & mask) << UInt64(held)
        held += width
        next += 1
      }
      unsafe target.storeBytes(
        of: UInt8(truncatingIfNeeded: window), toByteOffset: i, as: UInt8.self)
      window >>= 8
      held -= 8
    }
  }
}
