import BundleFormat
import Bytes
import Foundation
import Numerics

/// The divergence of a model from the full model over the windows scored so far. A measurement that
/// is resumed from it ends with the same bits.
package struct DivergenceSums: Sendable, Equatable, Codable {
  /// Sums over one window's tokens.
  struct Window: Sendable, Equatable, Codable {
    var (kl, dp, dpSquares) = (0.0, 0.0, 0.0)
    var sameTop = 0
    /// Losses of the measured and of the full model, their squares and their products.
    var (own, base, ownSquares, baseSquares, products) = (0.0, 0.0, 0.0, 0.0, 0.0)
  }

  private(set) var perWindow: [Window] = []
  /// KL in nats and Δp of every token, as little-endian float32: percentiles need all of them.
  private var kl = Data()
  private var dp = Data()

  package init() {}

  /// Number of windows compared.
  package var windows: Int { perWindow.count }
  /// Number of tokens compared.
  package var tokens: Int { kl.count / 4 }

  /// Compares one window of the measured model, whose output head is `head` [V, e], with the same
  /// window of the full model. Both heads are applied in one pass.
  /// - Throws: `invalidData` if a divergence isn't finite.
  package mutating func add(
    _ own: ScoredWindow, head: Weight, base: ScoredWindow, baseHead: Weight
  ) throws(Failure) {
    let rows = Divergence.compare(
      student: own.hidden, head: head, teacher: base.hidden, teacherHead: baseHead)
    try add(own, base: base, rows)
  }

  /// Adds one window whose rows are already compared.
  /// - Throws: `invalidData` if a divergence isn't finite.
  package mutating func add(
    _ own: ScoredWindow, base: ScoredWindow, _ rows: [RowDivergence]
  ) throws(Failure) {
    precondition(own.index == base.index && own.losses.count == base.losses.count)
    if let bad = rows.firstIndex(where: { !$0.kl.isFinite }) {
      throw Failure(
        .invalidData, at: "window \(own.index), scored token \(bad)",
        "the divergence from the full model is \(rows[bad].kl)",
        advice: "check both models with `ctpack eval`")
    }
    var window = Window()
    var (divergences, changes) = ([Float](), [Float]())
    for (index, row) in rows.enumerated() {
      let (x, y) = (Double(own.losses[index]), Double(base.losses[index]))
      let change = exp(-x) - exp(-y)
      window.kl += row.kl
      window.dp += change
      window.dpSquares += change * change
      window.sameTop += row.sameTop ? 1 : 0
      window.own += x
      window.base += y
      window.ownSquares += x * x
      window.baseSquares += y * y
      window.products += x * y
      divergences.append(Float(row.kl))
      changes.append(Float(change))
    }
    perWindow.append(window)
    kl.append(contentsOf: [UInt8](floats: divergences))
    dp.append(contentsOf: [UInt8](floats: changes))
  }
}

extension DivergenceSums {
  /// Whether this is the state after `windows` windows of `targets` targets each.
  package func fits(windows: Int, targets: Int) -> Bool {
    self.windows == windows && kl.count == 4 * windows * targets && dp.count == kl.count
  }

  /// The record of the complete comparison with the model whose weights have the digest `model`.
  ///
  /// The error of a root mean square comes from that of the mean square by the delta method,
  /// se(m²) / (2·m); that of the correlation from the jackknife over windows.
  package func record(to model: SHA256Digest?) -> DivergenceRecord {
    precondition(!perWindow.isEmpty, "a divergence over no window")
    let targets = tokens / windows
    func mean(_ value: (Window) -> Double) -> Estimate {
      WindowStatistics.mean(perWindow.map { value($0) / Double(targets) })
    }
    let (own, base) = (perWindow.map(\.own), perWindow.map(\.base))
    let baseNLL = mean(\.base)
    let basePPL = exp(baseNLL.value)
    let squares = mean(\.dpSquares)
    let rms = squares.value.squareRoot()
    return DivergenceRecord(
      modelDigest: model,
      basePerplexity: Estimate(
        basePPL, standardError: baseNLL.standardError.map { basePPL * $0 }),
      kl: WindowStatistics.distribution(
        Self.floats(kl), mean: mean(\.kl), percents: DivergenceRecord.klPercents),
      dp: WindowStatistics.distribution(
        Self.floats(dp), mean: mean(\.dp), percents: DivergenceRecord.dpPercents),
      rmsDp: Estimate(
        rms, standardError: squares.standardError.map { rms == 0 ? 0 : $0 / (2 * rms) }),
      sameTop: mean { Double($0.sameTop) },
      correlation: correlation(targets),
      lnRatio: PairedRatio(own, to: base, targets: targets).logarithm,
      perplexityDifference: PairedRatio.difference(own, from: base, targets: targets))
  }

  private func correlation(_ targets: Int) -> Estimate? {
    struct Sums {
      var tokens = 0.0
      var window = Window()
    }
    let sums = perWindow.map { Sums(tokens: Double(targets), window: $0) }
    func add(_ a: Sums, _ b: Sums, _ sign: Double) -> Sums {
      var sum = Sums(tokens: a.tokens + sign * b.tokens, window: a.window)
      sum.window.own += sign * b.window.own
      sum.window.base += sign * b.window.base
      sum.window.ownSquares += sign * b.window.ownSquares
      sum.window.baseSquares += sign * b.window.baseSquares
      sum.window.products += sign * b.window.products
      return sum
    }
    return WindowStatistics.jackknife(
      sums, { $0.reduce(Sums()) { add($0, $1, 1) } }, less: { add($0, $1, -1) },
      value: { sums in
        let (n, w) = (sums.tokens, sums.window)
        guard n > 1 else { return nil }
        let x = w.ownSquares - w.own * w.own / n
        let y = w.baseSquares - w.base * w.base / n
        // Rounding leaves about 10⁻¹⁶ of the squares where nothing varies.
        guard x > 1e-12 * w.ownSquares, y > 1e-12 * w.baseSquares else { return nil }
        let r = (w.products - w.own * w.base / n) / (x.squareRoot() * y.squareRoot())
        return min(1, max(-1, r))
      })
  }

  private static func floats(_ data: Data) -> [Float] { ByteSlice(Array(data)).floats() }
}
