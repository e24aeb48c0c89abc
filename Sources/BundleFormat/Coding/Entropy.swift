import Glibc

/// What a code that knows only how often each value occurs can reach at best.
enum Entropy {
  /// Bits per value, of how often each value occurs; 0 where none does.
  static func bits(_ histogram: [Int]) -> Double {
    let total = Double(histogram.reduce(0, +))
    guard total > 0 else { return 0 }
    return histogram.reduce(0.0) { sum, count in
      count == 0 ? sum : sum - Double(count) / total * log2(Double(count) / total)
    }
  }
}
