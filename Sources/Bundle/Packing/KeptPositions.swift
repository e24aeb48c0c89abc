import Bytes

/// n:m sparsity: of every `m` neighbouring columns of a row, `n` are kept, and their positions are
/// listed.
///
/// A position (0..<m) takes ceil(log2 m) bits; positions follow each other without gaps, least
/// significant bit first, ascending inside a group, groups in row-major order. A short last group
/// of w columns keeps min(n, w). The last byte's unused bits are 0.
public struct KeptPositions: Sendable, Equatable {
  public let kept: Int
  public let of: Int

  /// nil unless 1 ≤ kept < of ≤ 256.
  public init?(kept: Int, of: Int) {
    guard kept >= 1, of > kept, of <= 256 else { return nil }
    self.kept = kept
    self.of = of
  }

  /// Bits of one position.
  public var positionBits: Int { Int.bitWidth - (of - 1).leadingZeroBitCount }

  /// Positions in a row; nil on overflow.
  public func positionsPerRow(columns: Int) -> Int? {
    let (whole, overflowed) = (columns / of).multipliedReportingOverflow(by: kept)
    return overflowed ? nil : whole + min(kept, columns % of)
  }

  /// Positions in all, which is also the number of surviving weights; nil on overflow.
  public func survivors(rows: Int, columns: Int) -> Int? {
    guard let perRow = positionsPerRow(columns: columns) else { return nil }
    let (all, overflowed) = rows.multipliedReportingOverflow(by: perRow)
    return overflowed ? nil : all
  }

  /// Bytes of the list; nil on overflow.
  public func size(rows: Int, columns: Int) -> Int? {
    guard let survivors = survivors(rows: rows, columns: columns) else { return nil }
    let (bits, overflowed) = survivors.multipliedReportingOverflow(by: positionBits)
    return overflowed || bits > Int.max - 7 ? nil : (bits + 7) / 8
  }

  /// The list for `flags` ([rows · columns]); nil where some group doesn't keep exactly as many as
  /// it should.
  public func pack(_ flags: [Bool], rows: Int, columns: Int) -> [UInt8]? {
    precondition(flags.count == rows * columns, "\(flags.count) flags for \(rows) × \(columns)")
    var bits = BitWriter()
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        let positions = (0..<width).filter { flags[row * columns + start + $0] }
        guard positions.count == min(kept, width) else { return nil }
        for position in positions { bits.append(position, width: positionBits) }
      }
    }
    return bits.bytes
  }

  /// The flags again, [rows · columns]; nil where positions don't ascend or leave their group, or
  /// where the list has not the right size or unused bits that aren't 0.
  public func unpack(_ list: ByteSlice, rows: Int, columns: Int) -> [Bool]? {
    guard list.count == size(rows: rows, columns: columns) else { return nil }
    var flags = [Bool](repeating: false, count: rows * columns)
    var bits = BitReader(bytes: list.array)
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        var last = -1
        for _ in 0..<min(kept, width) {
          let position = bits.next(width: positionBits)
          guard position > last, position < width else { return nil }
          flags[row * columns + start + position] = true
          last = position
        }
      }
    }
    return bits.restIsZero ? flags : nil
  }
}

/// Numbers of a few bits, least significant bit first.
private struct BitWriter {
  var bytes: [UInt8] = []
  private var used = 0

  mutating func append(_ value: Int, width: Int) {
    for bit in 0..<width {
      if used % 8 == 0 { bytes.append(0) }
      if value >> bit & 1 == 1 { bytes[used / 8] |= 1 << UInt8(used % 8) }
      used += 1
    }
  }
}

private struct BitReader {
  let bytes: [UInt8]
  private var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// 0 bits beyond the end; callers have compared the size before.
  mutating func next(width: Int) -> Int {
    var value = 0
    for bit in 0..<width {
      if at / 8 < bytes.count { value |= Int(bytes[at / 8] >> UInt8(at % 8) & 1) << bit }
      at += 1
    }
    return value
  }

  var restIsZero: Bool {
    at % 8 == 0 || at / 8 >= bytes.count || bytes[at / 8] >> UInt8(at % 8) == 0
  }
}
