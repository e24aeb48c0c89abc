import Bytes

/// The codes of one weight matrix and what they mean: w = (code − zero) · scale · 2^scaleExponent.
public struct QuantizedTensor: Sendable, Equatable {
  public let name: String
  /// [rows, columns] = [out, in], row-major.
  public let rows: Int
  public let columns: Int
  /// 2, 3, 4 or 8.
  public let bits: Int
  /// Columns per group, 1...columns; the last group of a row may be shorter.
  public let groupWidth: Int
  public let symmetric: Bool
  public let scaleExponent: Int
  /// [rows, columns], each below 2^bits.
  public let codes: [UInt8]
  /// [rows, groups], bits of non-negative f16 values.
  public let scales: [UInt16]
  /// [rows, groups]; all 2^(bits−1) where symmetric.
  public let zeros: [UInt8]

  public var groups: Int { (columns + groupWidth - 1) / groupWidth }
}
