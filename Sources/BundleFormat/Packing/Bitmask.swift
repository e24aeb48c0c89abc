import Bytes

/// A mask over the weights of a matrix: one bit each, 1 = kept.
///
/// A row takes ceil(columns / 64) little-endian 64-bit words; bit j of a row's word w is column
/// 64·w + j. Bits beyond the last column are 0.
public enum Bitmask {
  /// Words of 64 bits in a row of `columns` columns.
  public static func wordsPerRow(columns: Int) -> Int { (columns + 63) / 64 }

  /// Bytes of a mask; nil on overflow.
  public static func size(rows: Int, columns: Int) -> Int? {
    guard rows >= 0, columns >= 0, columns <= Int.max - 63 else { return nil }
    let (size, overflowed) = rows.multipliedReportingOverflow(by: wordsPerRow(columns: columns) * 8)
    return overflowed ? nil : size
  }

  /// `kept`: [rows · columns], row-major.
  public static func pack(_ kept: [Bool], rows: Int, columns: Int) -> [UInt8] {
    precondition(kept.count == rows * columns, "\(kept.count) flags for \(rows) × \(columns)")
    let rowBytes = wordsPerRow(columns: columns) * 8
    var packed = [UInt8](repeating: 0, count: rows * rowBytes)
    for row in 0..<rows {
      for column in 0..<columns where kept[row * columns + column] {
        packed[row * rowBytes + column / 8] |= 1 << UInt8(column % 8)
      }
    }
    return packed
  }

  /// The flags again, [rows · columns]. Precondition: `mask` has `size(rows:columns:)` bytes.
  public static func unpack(_ mask: ByteSlice, rows: Int, columns: Int) -> [Bool] {
    precondition(mask.count == size(rows: rows, columns: columns), "mask of \(mask.count) bytes")
    let rowBytes = wordsPerRow(columns: columns) * 8
    let bytes = mask.array
    var kept: [Bool] = []
    kept.reserveCapacity(rows * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        kept.append(bytes[row * rowBytes + column / 8] >> UInt8(column % 8) & 1 == 1)
      }
    }
    return kept
  }

  /// The number of set bits.
  public static func population(_ mask: ByteSlice) -> Int {
    var count = 0
    for word in 0..<mask.count / 8 {
      count += mask.integer(at: 8 * word, as: UInt64.self)?.nonzeroBitCount ?? 0
    }
    for byte in mask.count / 8 * 8..<mask.count { count += mask[byte].nonzeroBitCount }
    return count
  }

  /// Whether every bit beyond the last column is 0.
  static func hasCleanPadding(_ mask: ByteSlice, columns: Int) -> Bool {
    let used = columns % 64
    let perRow = wordsPerRow(columns: columns)
    guard used != 0, perRow > 0 else { return true }
    return stride(from: perRow - 1, to: mask.count / 8, by: perRow).allSatisfy {
      (mask.integer(at: 8 * $0, as: UInt64.self) ?? 0) >> UInt64(used) == 0
    }
  }
}
