import BundleFormat
import Bytes
import Foundation

/// The ratio of two perplexities of the same tokens, with a paired error: what both models find hard
/// cancels window by window, so the ratio is known far better than either perplexity.
///
/// With d = (loss of the first − loss of the second) / tokens per window, the ratio is r = exp(d̄).
/// Its standard error is r · √(Σ(d − d̄)² / (W·(W − 1))) over the W windows: first-order error
/// propagation through exp (the delta method; Lehmann, "Elements of Large-Sample Theory", section
/// 2.5). llama.cpp prints the same ratio, with tokens in place of windows.
package struct PairedRatio: Sendable, Equatable {
  /// exp of the mean difference.
  package let value: Double
  /// The ratio's standard error; nil with fewer than two windows.
  package let standardError: Double?
  /// The mean difference ln r in nats per token, with its standard error.
  package let logarithm: Estimate

  /// - Parameters:
  ///   - sums: the first model's loss summed over each window, in nats.
  ///   - base: the second model's, over the same windows.
  ///   - targets: scored tokens per window.
  package init(_ sums: [Double], to base: [Double], targets: Int) {
    precondition(sums.count == base.count && !sums.isEmpty && targets > 0, "the same windows")
    logarithm = WindowStatistics.mean(zip(sums, base).map { ($0 - $1) / Double(targets) })
    let value = exp(logarithm.value)
    self.value = value
    standardError = logarithm.standardError.map { value * $0 }
  }

  /// The difference of the two perplexities, first less second, with a paired error: to first order
  /// a window moves it by PPL₁·x − PPL₂·y, where x and y are its mean losses.
  package static func difference(
    _ sums: [Double], from base: [Double], targets: Int
  ) -> Estimate {
    let tokens = Double(targets)
    func perplexity(_ sums: [Double]) -> Double {
      exp(sums.reduce(0, +) / (tokens * Double(sums.count)))
    }
    let (own, other) = (perplexity(sums), perplexity(base))
    let moves = zip(sums, base).map { (own * $0 - other * $1) / tokens }
    return Estimate(own - other, standardError: WindowStatistics.mean(moves).standardError)
  }

  /// The ratio in an evidence record, to the model with the weights `model`.
  package func record(to model: SHA256Digest) -> RatioRecord {
    RatioRecord(value, standardError: standardError, modelDigest: model)
  }
}

extension Perplexity {
  /// The ratio of this perplexity to that of `base`, measured on the same tokens.
  /// - Throws: `notMet` naming the properties in which the two measurements differ.
  package func ratio(to base: Perplexity) throws(Failure) -> PairedRatio {
    try basis().requireComparable(to: base.basis())
    guard windowSums.count == windows, base.windowSums.count == windows, windows > 0 else {
      throw Failure(.internalError, "the losses of a measurement's windows were not kept")
    }
    return PairedRatio(windowSums, to: base.windowSums, targets: scoredTokens / windows)
  }

  /// Standard error of `value` that takes windows, not tokens, as independent draws; nil with fewer
  /// than two windows.
  package var windowError: Double? {
    guard windows > 1, windowSums.count == windows else { return nil }
    let targets = Double(scoredTokens) / Double(windows)
    return WindowStatistics.mean(windowSums.map { $0 / targets }).standardError.map { value * $0 }
  }
}
