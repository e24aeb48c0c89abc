import Bytes
import Numerics
import TestSupport

/// A second implementation of the planar layout, written from its specification one code at a time.
struct PlainPacking {
  private(set) var rows: Int
  private(set) var columns: Int
  let bits: Int
  let groupSize: Int
  var scaleExponent = 0
  var codes: [Int]
  var scales: [Float]
  var zeros: [Int]?
  var kept: [Bool]?
  /// n and m if `kept` is an n:m pattern.
  var pattern: (kept: Int, of: Int)?
  /// Whether sixteen rows are interleaved, four columns of each in turn.
  var interleaved = false

  var groups: Int { (columns + groupSize - 1) / groupSize }

  /// Creates a random matrix. Scales are multiples of 1/1024, which are exact in float16.
  init(
    rows: Int, columns: Int, bits: Int, groupSize: Int, withZeros: Bool, masked: Bool,
    exponent: Int = 0, pattern: (kept: Int, of: Int)? = nil, _ random: inout TestRandom
  ) {
    self.rows = rows
    self.columns = columns
    self.bits = bits
    self.groupSize = groupSize
    scaleExponent = exponent
    let groups = (columns + groupSize - 1) / groupSize
    codes = (0..<rows * columns).map { _ in random.below(1 << bits) }
    scales = (0..<rows * groups).map { _ in Float(random.below(2000) - 1000) / 1024 }
    if withZeros { zeros = (0..<rows * groups).map { _ in random.below(1 << bits) } }
    self.pattern = pattern
    if let pattern {
      var flags: [Bool] = []
      for _ in 0..<rows {
        for start in stride(from: 0, to: columns, by: pattern.of) {
          let width = min(pattern.of, columns - start)
          let chosen = random.order(width).prefix(pattern.kept)
          flags += (0..<width).map { chosen.contains($0) }
        }
      }
      kept = flags
    } else if masked {
      kept = (0..<rows * columns).map { _ in random.below(3) > 0 }
    }
  }

  /// The weight at a row and a column.
  func value(_ row: Int, _ column: Int) -> Float {
    if let kept, !kept[row * columns + column] { return 0 }
    let group = row * groups + column / groupSize
    let zero = zeros?[group] ?? 1 << (bits - 1)
    var value = Double(codes[row * columns + column] - zero) * Double(scales[group])
    for _ in 0..<abs(scaleExponent) { value *= scaleExponent > 0 ? 2 : 0.5 }
    return Float(value)
  }

  var values: [Float] {
    (0..<rows * columns).map { value($0 / columns, $0 % columns) }
  }

  /// The matrix in the storage order of an interleaved one: rows are sixteen times as long, and
  /// groups are in the order [tile, group, row].
  private var tiled: PlainPacking {
    var tiled = self
    (tiled.rows, tiled.columns, tiled.interleaved) = (rows / 16, columns * 16, false)
    for t in 0..<rows / 16 {
      for q in 0..<columns / 4 {
        for i in 0..<16 {
          for c in 0..<4 {
            let (from, to) = (
              (16 * t + i) * columns + 4 * q + c, t * columns * 16 + 64 * q + 4 * i + c
            )
            tiled.codes[to] = codes[from]
            if let kept { tiled.kept?[to] = kept[from] }
          }
        }
      }
      for g in 0..<groups {
        for i in 0..<16 {
          let (from, to) = ((16 * t + i) * groups + g, (t * groups + g) * 16 + i)
          tiled.scales[to] = scales[from]
          if let zeros { tiled.zeros?[to] = zeros[from] }
        }
      }
    }
    return tiled
  }

  func packed() throws -> PackedMatrix {
    let parts = interleaved ? tiled.parts() : parts()
    return try PackedMatrix(
      rows: rows, columns: columns, bits: bits, groupSize: groupSize, codes: parts.codes,
      scales: parts.scales, zeros: parts.zeros, mask: parts.mask, index: parts.index,
      scaleExponent: scaleExponent, interleaved: interleaved)
  }

  private struct Parts {
    var codes: ByteSlice
    var scales: ByteSlice
    var zeros: ByteSlice?
    var mask: ByteSlice?
    var index: SurvivorIndex?
  }

  private func parts() -> Parts {
    var codeBytes: [UInt8] = []
    if let kept {
      codeBytes = Self.stream(codes.indices.filter { kept[$0] }.map { codes[$0] }, bits)
    } else {
      for row in 0..<rows {
        codeBytes += Self.stream(Array(codes[row * columns..<(row + 1) * columns]), bits)
      }
    }
    return Parts(
      codes: ByteSlice(codeBytes), scales: ByteSlice(scales.flatMap { Self.float16($0) }),
      zeros: zeros.map { ByteSlice(Self.stream($0, bits)) },
      mask: pattern == nil ? kept.map { maskBytes($0) } : nil, index: survivorIndex())
  }

  /// The ranks Σ C(pᵢ, i) over each group's kept columns, found by enumerating the combinations in
  /// that order.
  private func survivorIndex() -> SurvivorIndex? {
    guard let pattern, let kept else { return nil }
    func combinations(_ n: Int, _ k: Int) -> Int {
      k == 0 ? 1 : n < k ? 0 : combinations(n - 1, k - 1) * n / k
    }
    let total = combinations(pattern.of, pattern.kept)
    let width = (0...31).first { 1 << $0 >= total } ?? 0
    var bits: [Bool] = []
    for row in 0..<rows {
      for start in stride(from: 0, to: columns, by: pattern.of) {
        let group = (start..<min(start + pattern.of, columns)).filter { kept[row * columns + $0] }
        let rank = group.enumerated().reduce(0) {
          $0 + combinations($1.element - start, $1.offset + 1)
        }
        for bit in 0..<width { bits.append(rank >> bit & 1 == 1) }
      }
    }
    var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
    for (i, bit) in bits.enumerated() where bit { bytes[i / 8] |= 1 << UInt8(i % 8) }
    return NMPattern(kept: pattern.kept, of: pattern.of).map {
      SurvivorIndex($0, ranks: ByteSlice(bytes))
    }
  }

  private func maskBytes(_ kept: [Bool]) -> ByteSlice {
    let rowBytes = (columns + 63) / 64 * 8
    var bytes = [UInt8](repeating: 0, count: rows * rowBytes)
    for i in kept.indices where kept[i] {
      bytes[i / columns * rowBytes + i % columns / 8] |= 1 << UInt8(i % columns % 8)
    }
    return ByteSlice(bytes)
  }

  /// Packs codes into blocks of 64, the last one padded with zeros.
  static func stream(_ codes: [Int], _ bits: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: codes.count, by: 64) {
      var block = Array(codes[start..<min(codes.count, start + 64)])
      block += [Int](repeating: 0, count: 64 - block.count)
      if bits == 8 { bytes += block.map { UInt8($0) } }
      if bits == 4 {
        for i in 0..<32 { bytes.append(UInt8(block[i] | block[32 + i] << 4)) }
      }
      if bits < 4 {
        for i in 0..<16 {
          var byte = 0
          for quarter in 0..<4 { byte |= (block[16 * quarter + i] & 3) << (2 * quarter) }
          bytes.append(UInt8(byte))
        }
      }
      if bits == 3 {
        for i in 0..<8 {
          var byte = 0
          for bit in 0..<8 { byte |= (block[8 * i + bit] >> 2) << bit }
          bytes.append(UInt8(byte))
        }
      }
    }
    return bytes
  }

  /// The float16 bytes of a value that float16 represents exactly, as zero or a normal number.
  static func float16(_ value: Float) -> [UInt8] {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    if value == 0 { return [0, UInt8(sign >> 8)] }
    let exponent = UInt16(value.exponent + 15)
    let mantissa = UInt16(value.significandBitPattern >> 13)
    let bits = sign | exponent << 10 | mantissa
    return [UInt8(bits & 255), UInt8(bits >> 8)]
  }
}
