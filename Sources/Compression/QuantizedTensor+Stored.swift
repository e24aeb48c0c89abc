import Bundle
import Bytes

extension QuantizedTensor {
  /// The matrix in the container's planar layout.
  public func stored() throws(Failure) -> StoredTensor {
    var scaleBytes: [UInt8] = []
    scaleBytes.reserveCapacity(scales.count * 2)
    for scale in scales {
      scaleBytes.append(UInt8(truncatingIfNeeded: scale))
      scaleBytes.append(UInt8(truncatingIfNeeded: scale >> 8))
    }
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: groupWidth,
      codes: ByteSlice(Planar.pack(codes, rows: rows, columns: columns, bits: bits)),
      scales: ByteSlice(scaleBytes),
      zeros: symmetric ? nil : ByteSlice(Planar.pack(zeros, bits: bits)),
      scaleExponent: scaleExponent)
  }
}
