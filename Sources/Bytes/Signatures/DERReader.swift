/// A cursor over DER (X.690, the distinguished encoding rules of ASN.1), for the elements that keys
/// and ECDSA signatures consist of. A length that isn't the shortest is refused, as is an integer
/// with superfluous zeros: each value has one encoding.
struct DERReader {
  /// The identifier octet of an element.
  enum Tag: UInt8 {
    case integer = 0x02
    case bitString = 0x03
    case octetString = 0x04
    case null = 0x05
    case objectIdentifier = 0x06
    case sequence = 0x30
    case context0 = 0xA0
    case context1 = 0xA1
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  private init(_ slice: ArraySlice<UInt8>) { rest = slice }

  /// The bytes that haven't been read.
  var bytes: [UInt8] { Array(rest) }
  /// Whether everything has been read.
  var isAtEnd: Bool { rest.isEmpty }

  /// The content of the next element; nil if it has another tag or isn't in DER.
  mutating func read(_ tag: Tag) -> DERReader? {
    guard rest.count >= 2, rest.first == tag.rawValue else { return nil }
    var start = rest.startIndex + 2
    var length = Int(rest[start - 1])
    if length >= 0x80 {
      // Two octets of length are enough for every key that is recognised.
      let octets = length - 0x80
      guard (1...2).contains(octets), rest.endIndex - start >= octets else { return nil }
      length = rest[start..<start + octets].reduce(0) { $0 << 8 | Int($1) }
      start += octets
      guard length >= (octets == 1 ? 0x80 : 0x100) else { return nil }
    }
    guard rest.endIndex - start >= length else { return nil }
    let content = rest[start..<start + length]
    rest = rest[(start + length)...]
    return DERReader(content)
  }

  /// A non-negative integer below 256^width as `width` big-endian bytes; nil for anything else.
  mutating func unsigned(width: Int) -> [UInt8]? {
    guard let content = read(.integer)?.bytes, let first = content.first, first < 0x80 else {
      return nil
    }
    if first == 0, content.count > 1, content[1] < 0x80 { return nil }
    let digits = content.drop { $0 == 0 }
    guard digits.count <= width else { return nil }
    return [UInt8](repeating: 0, count: width - digits.count) + digits
  }

  /// The bytes of a bit string whose length is a multiple of eight bits.
  mutating func wholeBytes() -> [UInt8]? {
    guard let content = read(.bitString)?.bytes, content.first == 0 else { return nil }
    return Array(content.dropFirst())
  }

  /// The DER encoding of a non-negative integer given as big-endian bytes.
  static func encode(unsigned bytes: [UInt8]) -> [UInt8] {
    var digits = Array(bytes.drop { $0 == 0 })
    if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
    return [Tag.integer.rawValue, UInt8(digits.count)] + digits
  }
}
