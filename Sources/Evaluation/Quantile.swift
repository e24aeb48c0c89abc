/// Quantiles of values in ascending order.
enum Quantile {
  /// The value at `rank`, from 0 to n − 1, interpolated linearly between the two nearest (type 7 of
  /// Hyndman and Fan, The American Statistician 50:361, 1996, as in numpy and llama.cpp).
  static func value<Value: BinaryFloatingPoint>(of sorted: [Value], at rank: Double) -> Double {
    let low = Int(rank.rounded(.down))
    let share = rank - Double(low)
    let (a, b) = (Double(sorted[low]), Double(sorted[min(low + 1, sorted.count - 1)]))
    // Rounding must not leave the two values' range.
    return min(b, max(a, (1 - share) * a + share * b))
  }
}
