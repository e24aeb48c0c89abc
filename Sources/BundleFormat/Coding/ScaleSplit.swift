/// 16-bit words w as (w − base) div 2^shift, a byte each, then (w − base) mod 2^shift, a byte each.
///
/// The upper parts of a matrix's scales are a few neighbouring values; the lower ones are noise,
/// which costs `shift` bits as it should, and not 8.
enum ScaleSplit {
  /// Precondition: (w − base) >> shift is below 256 for every word.
  static func split(_ words: [UInt16], shift: Int, base: UInt16) -> [UInt8] {
    let mask: UInt16 = 1 << UInt16(shift) - 1
    return words.map { UInt8(($0 &- base) >> UInt16(shift)) }
      + words.map { UInt8(($0 &- base) & mask) }
  }

  /// Both parts at `source`, `count` bytes each, to `count` words at `target`. Any bytes give
  /// words: base + upper · 2^shift + lower mod 2^16.
  @unsafe static func join(
    _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, count: Int, shift: Int,
    base: UInt16
  ) {
    let lower = unsafe source + count
    for i in 0..<count {
      let high = unsafe UInt16(source.load(fromByteOffset: i, as: UInt8.self)) &<< UInt16(shift)
      let low = unsafe UInt16(lower.load(fromByteOffset: i, as: UInt8.self))
      let word = base &+ high &+ low
      unsafe target.storeBytes(of: word.littleEndian, toByteOffset: 2 * i, as: UInt16.self)
    }
  }

  /// The cuts whose upper parts fit a byte, best first: by the sum of both parts' entropies, where
  /// a part costs at least a bit per byte. Never empty.
  static func cuts(_ words: [UInt16]) -> [(shift: Int, base: UInt16)] {
    var histogram = [Int](repeating: 0, count: 1 << 16)
    for word in words { histogram[Int(word)] += 1 }
    let smallest = histogram.firstIndex { $0 > 0 } ?? 0
    let largest = histogram.lastIndex { $0 > 0 } ?? 0
    var cuts = [(bits: cost(histogram, 8, 0), shift: 8, base: 0)]
    for shift in 4...8 where (largest - smallest) >> shift < 256 {
      cuts.append((cost(histogram, shift, smallest), shift, smallest))
    }
    return cuts.sorted { ($0.bits, $0.shift, $0.base) < ($1.bits, $1.shift, $1.base) }
      .map { ($0.shift, UInt16($0.base)) }
  }

  private static func cost(_ histogram: [Int], _ shift: Int, _ base: Int) -> Double {
    var upper = [Int](repeating: 0, count: 256)
    var lower = [Int](repeating: 0, count: 1 << shift)
    for word in base..<histogram.count where histogram[word] > 0 {
      upper[(word - base) >> shift] += histogram[word]
      lower[(word - base) & (1 << shift - 1)] += histogram[word]
    }
    return max(1, Entropy.bits(upper)) + max(1, Entropy.bits(lower))
  }
}
