/// Bulk access to little-endian integers, at any alignment.
extension ByteSlice {
  /// Returns the slice as an array of little-endian integers; trailing bytes too few for one are
  /// ignored.
  public func words<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> [T] {
    mapWords(type) { $0 }
  }

  /// Returns `convert` of each little-endian integer, in one pass; trailing bytes too few for one
  /// are ignored.
  @inline(__always)
  func mapWords<T: FixedWidthInteger & BitwiseCopyable, Result>(
    _ type: T.Type, _ convert: (T) -> Result
  ) -> [Result] {
    let size = MemoryLayout<T>.size
    let number = count / size
    return unsafe withUnsafeBytes { bytes in
      unsafe Array(unsafeUninitializedCapacity: number) { target, filled in
        for i in 0..<number {
          let value = unsafe bytes.loadUnaligned(fromByteOffset: i * size, as: T.self)
          unsafe target.initializeElement(at: i, to: convert(T(littleEndian: value)))
        }
        filled = number
      }
    }
  }

  /// Returns whether `holds` of each little-endian integer, without making an array; trailing bytes
  /// too few for one are ignored.
  @inline(__always)
  func allWords<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ holds: (T) -> Bool
  ) -> Bool {
    let size = MemoryLayout<T>.size
    return unsafe withUnsafeBytes { bytes in
      var all = true
      for i in 0..<bytes.count / size where all {
        let value = unsafe bytes.loadUnaligned(fromByteOffset: i * size, as: T.self)
        all = holds(T(littleEndian: value))
      }
      return all
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
