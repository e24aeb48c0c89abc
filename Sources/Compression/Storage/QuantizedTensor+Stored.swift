import BundleFormat
import Bytes

extension QuantizedTensor {
  /// The matrix in the container's planar layout.
  package func stored() throws(Failure) -> StoredTensor {
    try stored(
      codes: Planar.pack(codes, rows: rows, columns: columns, bits: bits), mask: nil)
  }

  /// The matrix with codes only for weights whose `kept` [rows, columns] isn't 0; `mask` is the
  /// stored form of `kept`.
  func stored(keeping kept: [UInt8], mask: StoredTensor.Mask) throws(Failure) -> StoredTensor {
    var survivors: [UInt8] = []
    survivors.reserveCapacity(codes.count)
    for i in codes.indices where kept[i] != 0 { survivors.append(codes[i]) }
    return try stored(codes: Planar.pack(survivors, bits: bits), mask: mask)
  }

  private func stored(
    codes: [UInt8], mask: StoredTensor.Mask?
  ) throws(Failure) -> StoredTensor {
    var scaleBytes: [UInt8] = []
    scaleBytes.reserveCapacity(scales.count * 2)
    for scale in scales {
      scaleBytes.append(UInt8(truncatingIfNeeded: scale))
      scaleBytes.append(UInt8(truncatingIfNeeded: scale >> 8))
    }
    return try .packed(
      name: name, shape: [rows, columns], bits: bits, groupSize: groupWidth,
      codes: ByteSlice(codes),
      scales: ByteSlice(scaleBytes),
      zeros: symmetric ? nil : ByteSlice(Planar.pack(zeros, bits: bits)),
      scaleExponent: scaleExponent, mask: mask)
  }
}
