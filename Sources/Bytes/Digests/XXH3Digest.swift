import CXXHash

/// A 128-bit XXH3 digest: a fast check for accidental damage. It isn't cryptographic; SHA-256 is
/// used where content must be trusted.
public struct XXH3Digest: Hashable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64

  /// A digest from its two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The digest of `content`, with seed 0.
  public init(hashing content: ByteSlice) {
    self.init(unsafe content.withUnsafeBytes { unsafe XXH3_128bits($0.baseAddress, $0.count) })
  }

  /// The digest of `content`, with seed 0.
  public init(hashing content: [UInt8]) {
    self.init(unsafe content.withUnsafeBytes { unsafe XXH3_128bits($0.baseAddress, $0.count) })
  }

  init(_ hash: XXH128_hash_t) {
    self.init(high: hash.high64, low: hash.low64)
  }

  /// The digest as 16 big-endian bytes, xxHash's canonical representation.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    for word in [high, low] {
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return bytes
  }

  /// Parses 16 bytes in the canonical representation; nil for any other count.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
    low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The digest as 32 lower-case hexadecimal digits.
  public var hex: String { Hexadecimal.encode(bytes) }
  /// 32 hexadecimal digits, lower case.
  public var description: String { hex }
}

/// An incremental 128-bit XXH3 computation.
@safe public struct XXH3Hasher: ~Copyable {
  private let state: OpaquePointer

  /// Makes a hasher of the empty input, with seed 0.
  public init() {
    guard let created = unsafe XXH3_createState() else { fatalError("out of memory") }
    unsafe state = created
    unsafe XXH3_128bits_reset(created)
  }

  /// Appends `content` to the hashed bytes.
  public mutating func update(_ content: ByteSlice) {
    _ = unsafe content.withUnsafeBytes {
      unsafe XXH3_128bits_update(state, $0.baseAddress, $0.count)
    }
  }

  /// Appends `content` to the hashed bytes.
  public mutating func update(_ content: [UInt8]) {
    _ = unsafe content.withUnsafeBytes {
      unsafe XXH3_128bits_update(state, $0.baseAddress, $0.count)
    }
  }

  /// Returns the digest of all bytes so far.
  public func finish() -> XXH3Digest { XXH3Digest(unsafe XXH3_128bits_digest(state)) }

  deinit { unsafe XXH3_freeState(state) }
}
