import Crypto

/// A SHA-256 digest, by which files and tensors are identified and verified.
public struct SHA256Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The digest's 32 bytes.
  public let bytes: [UInt8]

  /// The digest of `content`.
  public init(hashing content: ByteSlice) {
    var hasher = SHA256Hasher()
    hasher.update(content)
    self = hasher.finish()
  }

  /// The digest of `content`.
  public init(hashing content: [UInt8]) {
    var hasher = SHA256Hasher()
    hasher.update(content)
    self = hasher.finish()
  }

  /// Wraps 32 raw bytes; nil for any other count.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// Parses 64 lower-case hexadecimal digits; nil for anything else.
  public init?(hex: String) {
    guard let bytes = Hexadecimal.decode(hex), bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  fileprivate init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// The digest as 64 lower-case hexadecimal digits.
  public var hex: String { Hexadecimal.encode(bytes) }
  /// 64 hexadecimal digits, lower case.
  public var description: String { hex }

  /// Compares digests byte by byte.
  public static func < (a: SHA256Digest, b: SHA256Digest) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

/// An incremental SHA-256 computation.
public struct SHA256Hasher: Sendable {
  private var state = SHA256()

  /// Makes a hasher of the empty input.
  public init() {}

  /// Appends `content` to the hashed bytes.
  public mutating func update(_ content: ByteSlice) {
    unsafe content.withUnsafeBytes { unsafe state.update(bufferPointer: $0) }
  }

  /// Appends `content` to the hashed bytes.
  public mutating func update(_ content: [UInt8]) {
    unsafe content.withUnsafeBytes { unsafe state.update(bufferPointer: $0) }
  }

  /// Appends the UTF-8 bytes of `text` to the hashed bytes.
  public mutating func update(_ text: String) { update(Array(text.utf8)) }

  /// Returns the digest of all bytes so far.
  public func finish() -> SHA256Digest { SHA256Digest(unchecked: Array(state.finalize())) }
}

/// Conversion between bytes and lower-case hexadecimal text.
public enum Hexadecimal {
  /// Encodes `bytes` as two digits per byte.
  public static func encode(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Decodes pairs of digits; nil for an odd count or a character other than 0-9 and a-f.
  public static func decode(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for i in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[i]), let low = value(digits[i + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
