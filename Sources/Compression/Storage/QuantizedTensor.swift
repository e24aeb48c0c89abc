import Bytes

/// A quantized weight matrix: w = (code − zero) · scale · 2^scaleExponent.
package struct QuantizedTensor: Sendable, Equatable {
  package let name: String
  /// [rows, columns] = [out, in], row-major.
  package let rows: Int
  package let columns: Int
  /// Bits per code: 2, 3, 4 or 8.
  package let bits: Int
  /// Columns per group, 1...columns; the last group of a row may be shorter.
  package let groupWidth: Int
  /// Whether zero points are fixed at 2^(bits−1).
  package let symmetric: Bool
  /// The exponent of the power of two that multiplies stored scales.
  package let scaleExponent: Int
  /// [rows, columns], each below 2^bits.
  package let codes: [UInt8]
  /// [rows, groups] bit patterns of non-negative f16 values.
  package let scales: [UInt16]
  /// [rows, groups]; all 2^(bits−1) for symmetric grids.
  package let zeros: [UInt8]

  /// Groups per row.
  package var groups: Int { (columns + groupWidth - 1) / groupWidth }
}
