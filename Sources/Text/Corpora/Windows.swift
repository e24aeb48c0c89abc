/// Windows of equal length, in tokens, of a long sequence of ids.
package enum Windows {
  /// Consecutive windows of `length` ids, at most `limit` of them; a shorter rest is dropped.
  package static func consecutive(_ ids: [Int32], length: Int, limit: Int? = nil) -> [[Int32]] {
    guard length > 0 else { return [] }
    let count = min(ids.count / length, max(limit ?? .max, 0))
    return (0..<count).map { Array(ids[$0 * length..<($0 + 1) * length]) }
  }

  /// `count` windows of `length` ids at random positions, which depend only on `seed`; empty if
  /// `ids` is shorter than a window.
  package static func random(_ ids: [Int32], length: Int, count: Int, seed: UInt64) -> [[Int32]] {
    guard length > 0, ids.count >= length, count > 0 else { return [] }
    var state = seed
    return (0..<count).map { _ in
      let start = Int(below(UInt64(ids.count - length + 1), &state))
      return Array(ids[start..<start + length])
    }
  }

  /// A uniformly distributed number below `bound`: SplitMix64 (Steele et al. 2014) and a widening
  /// multiplication with rejection (Lemire 2019).
  private static func below(_ bound: UInt64, _ state: inout UInt64) -> UInt64 {
    while true {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      let product = (mixed ^ mixed >> 31).multipliedFullWidth(by: bound)
      if product.low >= (0 &- bound) % bound { return product.high }
    }
  }
}
