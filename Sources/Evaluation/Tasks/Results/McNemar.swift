import Foundation

/// McNemar's exact test of two models' answers to the same items (McNemar 1947; the exact form is a sign
/// test of the items on which they differ).
package enum McNemar {
  /// The two-sided p-value that `gained` items turn right and `lost` items wrong by chance alone, where
  /// each is as likely: 2 · P(X ≤ the smaller), X binomial with n = gained + lost and 1/2, at most 1.
  package static func pValue(gained: Int, lost: Int) -> Double {
    precondition(gained >= 0 && lost >= 0)
    let n = gained + lost
    let smaller = min(gained, lost)
    guard gained != lost else { return 1 }
    // log C(n, k) − n log 2, in logarithms because C(n, k) exceeds float64 from n = 1030 on.
    var logTerms: [Double] = []
    var logTerm = -Double(n) * log(2)
    for k in 0...smaller {
      if k > 0 { logTerm += log(Double(n - k + 1)) - log(Double(k)) }
      logTerms.append(logTerm)
    }
    let top = logTerms.max() ?? 0
    let sum = logTerms.reduce(0) { $0 + exp($1 - top) }
    return min(1, exp(log(2) + top + log(sum)))
  }
}
