/// A little-endian floating-point format of stored numbers.
public enum FloatFormat: Sendable, Hashable, CaseIterable {
  /// IEEE binary32.
  case float32
  /// IEEE binary16.
  case float16
  /// The upper 16 bits of a binary32.
  case bfloat16

  /// The size of one number in bytes.
  public var byteCount: Int { self == .float32 ? 4 : 2 }
}

extension ByteSlice {
  /// Returns the numbers of the slice, converted exactly to float32; trailing bytes too few for one
  /// number are ignored.
  public func floats(as format: FloatFormat) -> [Float] {
    switch format {
    case .float32: mapWords(UInt32.self) { Float(bitPattern: $0) }
    case .float16: mapWords(UInt16.self) { Float(Float16(bitPattern: $0)) }
    case .bfloat16: mapWords(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    }
  }

  /// Returns whether every number of the slice is finite, in memory that doesn't depend on its
  /// size; trailing bytes too few for one number are ignored.
  public func isFinite(as format: FloatFormat) -> Bool {
    switch format {
    case .float32: allWords(UInt32.self) { $0 & 0x7F80_0000 != 0x7F80_0000 }
    case .float16: allWords(UInt16.self) { $0 & 0x7C00 != 0x7C00 }
    case .bfloat16: allWords(UInt16.self) { $0 & 0x7F80 != 0x7F80 }
    }
  }

  /// Returns the slice as float32 numbers; up to three trailing bytes are ignored.
  public func floats() -> [Float] { floats(as: .float32) }

  /// Returns the slice's float16 numbers, widened to float32; an odd trailing byte is ignored.
  public func halves() -> [Float] { floats(as: .float16) }
}

extension [UInt8] {
  /// Encodes `floats` in `format`, rounding to nearest, ties to even; values beyond the format's
  /// range become infinite.
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
