/// Bulk access to little-endian integers, at any alignment.
extension ByteSlice {
  /// Returns the slice as an array of little-endian integers; trailing bytes too few for one are
  /// ignored.
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
}

extension [UInt8] {
  /// Appends the little-endian bytes of `value`.
  public mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    var rest = value.littleEndian
    unsafe Swift.withUnsafeBytes(of: &rest) { unsafe append(contentsOf: $0) }
  }
}
