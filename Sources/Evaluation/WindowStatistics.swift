import BundleFormat
import Bytes

/// Statistics of a measurement whose windows all have the same number of tokens. Windows are taken
/// as independent draws; tokens within one are not, because neighbours are alike. Errors are
/// therefore larger than those that llama.cpp prints, which takes every token as a draw.
enum WindowStatistics {
  /// The mean of the windows' means, and its standard error √(Σ(x − x̄)² / (W·(W − 1))) over W
  /// windows; nil for fewer than two.
  static func mean(_ windows: [Double]) -> Estimate {
    let count = Double(windows.count)
    let mean = windows.reduce(0, +) / count
    guard windows.count > 1 else { return Estimate(mean) }
    let squares = windows.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return Estimate(mean, standardError: (squares / (count * (count - 1))).squareRoot())
  }

  /// A function of sums over all windows, with its standard error by the delete-one jackknife
  /// (Efron, "The jackknife, the bootstrap and other resampling plans", 1982, section 3.1):
  /// √((W − 1)/W · Σ(f₋ᵢ − f̄)²), where f₋ᵢ leaves out window i.
  ///
  /// - Parameter value: returns the function's value; nil where it isn't defined, as without any
  ///   variation.
  static func jackknife<Sums>(
    _ windows: [Sums], _ sum: ([Sums]) -> Sums, less: (Sums, Sums) -> Sums,
    value: (Sums) -> Double?
  ) -> Estimate? {
    let all = sum(windows)
    guard let whole = value(all) else { return nil }
    let parts = windows.compactMap { value(less(all, $0)) }
    guard windows.count > 1, parts.count == windows.count else { return Estimate(whole) }
    let count = Double(parts.count)
    let mean = parts.reduce(0, +) / count
    let squares = parts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return Estimate(whole, standardError: (squares * (count - 1) / count).squareRoot())
  }

  /// The distribution of values over all tokens, with exact percentiles.
  ///
  /// A percentile is the value at rank q·(n − 1), as llama.cpp's is (`Quantile`). Its error is half the distance between the
  /// values at √(n·q·(1 − q)) ranks below and above, one standard deviation of the number of values
  /// under it (Woodruff, JASA 47:635, 1952); nil where these ranks don't exist.
  static func distribution(
    _ values: [Float], mean: Estimate, percents: [String]
  ) -> DivergenceRecord.Distribution {
    let sorted = values.sorted()
    let last = Double(sorted.count - 1)
    func value(at rank: Double) -> Double { Quantile.value(of: sorted, at: rank) }
    var percentiles: [String: Estimate] = [:]
    for percent in percents {
      let q = (Double(percent) ?? 50) / 100
      let (rank, spread) = (q * last, (Double(sorted.count) * q * (1 - q)).squareRoot())
      let isWithin = rank - spread >= 0 && rank + spread <= last
      percentiles[percent] = Estimate(
        value(at: rank),
        standardError: isWithin
          ? (value(at: rank + spread) - value(at: rank - spread)) / 2 : nil)
    }
    return DivergenceRecord.Distribution(
      mean: mean, maximum: value(at: last), minimum: value(at: 0), percentiles: percentiles)
  }
}
