/// Base64 (RFC 4648, section 4), with padding and without line breaks. Only the one canonical text
/// of some bytes is accepted, so that an encoded signature can't be altered and stay valid.
public enum Base64 {
  // Foundation's decoder ignores bits after the last byte, and would take "QR==" for "QQ==".

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  /// Encodes `bytes` as four characters per three bytes.
  public static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(0) { $0 << 8 | Int($1) }
      bits <<= 8 * (3 - group.count)
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : padding)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Decodes `text`; nil for characters outside the alphabet, missing padding, or bits after the
  /// last byte that aren't zero.
  public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var (bits, characters, padded) = (0, 0, 0)
    for character in text {
      if character == padding {
        padded += 1
        bits <<= 6
      } else {
        guard padded == 0, let value = value(character) else { return nil }
        bits = bits << 6 | value
      }
      characters += 1
      guard characters == 4 else { continue }
      guard padded <= 2, bits & (1 << (8 * padded) - 1) == 0 else { return nil }
      for byte in 0..<3 - padded {
        bytes.append(UInt8(truncatingIfNeeded: bits >> (16 - 8 * byte)))
      }
      (bits, characters) = (0, 0)
    }
    return bytes
  }

  private static func value(_ character: UInt8) -> Int? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character) + 4
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
