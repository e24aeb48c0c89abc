/// A floating-point format of stored numbers, little-endian.
public enum FloatFormat: Sendable, Hashable, CaseIterable {
  /// IEEE binary32.
  case float32
  /// IEEE binary16.
  case float16
  /// The upper 16 bits of a binary32.
  case bfloat16

  /// Bytes of one number.
  public var byteCount: Int { self == .float32 ? 4 : 2 }
}

extension ByteSlice {
  /// The numbers of the slice in float32, exactly; a remainder shorter than one number is left out.
  public func floats(as format: FloatFormat) -> [Float] {
    switch format {
    case .float32: words(UInt32.self).map { Float(bitPattern: $0) }
    case .float16: words(UInt16.self).map { Float(Float16(bitPattern: $0)) }
    case .bfloat16: words(UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
    }
  }

  /// The numbers of the slice as float32; a remainder of fewer than four bytes is left out.
  public func floats() -> [Float] { floats(as: .float32) }

  /// The numbers of the slice as float16, widened; a remainder of one byte is left out.
  public func halves() -> [Float] { floats(as: .float16) }
}

extension [UInt8] {
  /// The bytes of `floats` in `format`, each rounded to nearest, ties to even; what is beyond the
  /// format becomes infinite.
  public init(floats: [Float], as format: FloatFormat = .float32) {
    switch format {
    case .float32: self.init(littleEndian: floats.map(\.bitPattern))
    case .float16: self.init(littleEndian: floats.map { Float16($0).bitPattern })
    case .bfloat16:
      self.init(
        littleEndian: floats.map { value in
          let bits = value.bitPattern
          return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
        })
    }
  }

  private init<T: FixedWidthInteger>(littleEndian words: [T]) {
    let words = T(littleEndian: 1) == 1 ? words : words.map(\.littleEndian)
    self = unsafe words.withUnsafeBytes { unsafe Array($0) }
  }
}
