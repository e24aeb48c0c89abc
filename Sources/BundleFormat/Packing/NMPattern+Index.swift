import Bytes

/// The survivor index of an n:m pattern: per group the number (rank) of the combination of kept
/// columns.
///
/// Kept positions p₁ < p₂ < … < pₙ (0..<m) have the rank Σ C(pᵢ, i), the combinatorial number
/// system: 2 of 4 are 0 1, 0 2, 1 2, 0 3, 1 3, 2 3. A rank takes ceil(log2 C(m, n)) bits, three for
/// 2 of 4 where the two positions would take four; ranks follow each other without gaps, least
/// significant bit first, groups in row-major order. The last byte's unused bits are 0.
extension NMPattern {
  /// The number of surviving weights; nil on overflow.
  public func survivors(rows: Int, columns: Int) -> Int? {
    let (all, overflowed) = rows.multipliedReportingOverflow(by: survivors(columns: columns))
    return overflowed ? nil : all
  }

  /// Bytes of the survivor index; nil on overflow.
  public func size(rows: Int, columns: Int) -> Int? {
    let (ranks, tooMany) = rows.multipliedReportingOverflow(by: groups(columns: columns))
    let (bits, overflowed) = ranks.multipliedReportingOverflow(by: rankBits)
    return tooMany || overflowed || bits > Int.max - 7 ? nil : (bits + 7) / 8
  }

  /// The survivor index of `flags` [rows · columns]; nil where some group doesn't keep exactly as
  /// many as it should.
  public func pack(_ flags: [Bool], rows: Int, columns: Int) -> [UInt8]? {
    precondition(flags.count == rows * columns, "\(flags.count) flags for \(rows) × \(columns)")
    var bits = BitWriter()
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        let positions = (0..<width).filter { flags[row * columns + start + $0] }
        guard positions.count == min(kept, width) else { return nil }
        let rank = positions.enumerated().reduce(0) {
          $0 + Self.combinations($1.element, $1.offset + 1)
        }
        bits.append(rank, width: rankBits)
      }
    }
    return bits.bytes
  }

  /// The flags [rows · columns] of a survivor index; nil where a rank is of no combination, the
  /// size is wrong, or unused bits aren't 0.
  public func unpack(_ index: ByteSlice, rows: Int, columns: Int) -> [Bool]? {
    guard index.count == size(rows: rows, columns: columns) else { return nil }
    var flags = [Bool](repeating: false, count: rows * columns)
    var bits = BitReader(bytes: index)
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: of) {
        let width = min(of, columns - start)
        let count = min(kept, width)
        var rank = bits.next(width: rankBits)
        guard rank < Self.combinations(width, count) else { return nil }
        var position = width
        for place in stride(from: count, to: 0, by: -1) {
          repeat { position -= 1 } while Self.combinations(position, place) > rank
          rank -= Self.combinations(position, place)
          flags[row * columns + start + position] = true
        }
      }
    }
    return bits.restIsZero ? flags : nil
  }

  /// Returns whether `index` is a survivor index of a matrix of this shape: its size, a
  /// combination's rank in each group, and zero in the last byte's unused bits. Takes no memory
  /// for flags, of which there may be many for each byte.
  func isValid(_ index: ByteSlice, rows: Int, columns: Int) -> Bool {
    guard index.count == size(rows: rows, columns: columns) else { return false }
    var bits = BitReader(bytes: index)
    let width = rankBits
    let whole = Self.combinations(of, kept)
    let rest = columns % of
    let short = Self.combinations(rest, min(kept, rest))
    for _ in 0..<rows {
      for _ in 0..<columns / of where bits.next(width: width) >= whole { return false }
      if rest > 0, bits.next(width: width) >= short { return false }
    }
    return bits.restIsZero
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
  let bytes: ByteSlice
  private var at = 0

  init(bytes: ByteSlice) { self.bytes = bytes }

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
