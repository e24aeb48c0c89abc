/// Little-endian numbers in bulk. Values are copied; unaligned slices are fine.
extension ByteSlice {
  /// The whole slice as float32; a remainder of fewer than four bytes is left out.
  public func floats() -> [Float] { elements(Float.self).map { Float(bitPattern: $0) } }

  /// The whole slice as float16, widened; a remainder of one byte is left out.
  public func halves() -> [Float] { elements(Float16.self).map { Float(Float16(bitPattern: $0)) } }

  /// The whole slice as bfloat16, widened; a remainder of one byte is left out.
  public func brainFloats() -> [Float] {
    words(UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
  }

  /// The whole slice as little-endian integers; a remainder shorter than one is left out.
  public func words<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> [T] {
    let size = MemoryLayout<T>.size
    let number = count / size
    return unsafe withUnsafeBytes { bytes in
      unsafe Array(unsafeUninitializedCapacity: number) { target, filled in
        for i in 0..<number {
          let value = unsafe bytes.loadUnaligned(fromByteOffset: i * size, as: T.self)
          unsafe target.initializeElement(at: i, to: T(littleEndian: value))
        }
        filled = number
      }
    }
  }

  private func elements(_ type: Float.Type) -> [UInt32] { words(UInt32.self) }
  private func elements(_ type: Float16.Type) -> [UInt16] { words(UInt16.self) }
}

extension [UInt8] {
  /// Appends an integer's little-endian bytes.
  public mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    var rest = value.littleEndian
    unsafe Swift.withUnsafeBytes(of: &rest) { unsafe append(contentsOf: $0) }
  }

  /// The little-endian bytes of `floats` as float32.
  public init(floats: [Float]) {
    self = []
    reserveCapacity(floats.count * 4)
    for value in floats { append(littleEndian: value.bitPattern) }
  }
}
