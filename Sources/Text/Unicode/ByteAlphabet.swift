/// The byte-to-character table of byte-level BPE (GPT-2's `encoder.py`): printable bytes of Latin-1
/// map to themselves, the other 68 bytes, in order, to U+0100, U+0101 …
enum ByteAlphabet {
  /// The scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
      default:
        next += 1
        return next - 1
      }
    }
  }()

  /// The byte of each scalar below U+0144, or -1.
  static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// `bytes` written in the alphabet, as UTF-8.
  static func written(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    for byte in bytes { UTF8Text.append(scalars[Int(byte)], to: &text) }
    return text
  }

  /// The bytes written as `text` (valid UTF-8); nil if a character isn't in the alphabet.
  static func read(_ text: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (scalar, length) = UTF8Text.scalar(text, index)
      guard scalar < 0x144, bytes[Int(scalar)] >= 0 else { return nil }
      result.append(UInt8(bytes[Int(scalar)]))
      index += length
    }
    return result
  }
}
