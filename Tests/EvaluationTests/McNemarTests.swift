import Evaluation
import Foundation
import Testing

@Suite struct McNemarTests {
  /// 2 · Σ C(n, k) / 2ⁿ, with whole numbers: exact below 2⁵³.
  private func exact(_ gained: Int, _ lost: Int) -> Double {
    let (n, smaller) = (gained + lost, min(gained, lost))
    var (sum, term) = (0.0, 1.0)
    for k in 0...smaller {
      if k > 0 { term = term * Double(n - k + 1) / Double(k) }
      sum += term
    }
    return min(1, 2 * sum / pow(2, Double(n)))
  }

  @Test func smallCountsAreExact() {
    #expect(McNemar.pValue(gained: 0, lost: 0) == 1)
    #expect(McNemar.pValue(gained: 5, lost: 5) == 1)
    for n in 1...50 {
      for lost in 0...n {
        let (found, expected) = (
          McNemar.pValue(gained: n - lost, lost: lost), exact(n - lost, lost)
        )
        #expect(abs(found - expected) <= 1e-12 * expected, "\(n - lost), \(lost)")
      }
    }
    // By hand: 2 · (1 + 6) / 64 and 2 / 2¹⁰.
    #expect(abs(McNemar.pValue(gained: 1, lost: 5) - 14.0 / 64) < 1e-15)
    #expect(abs(McNemar.pValue(gained: 10, lost: 0) - 2.0 / 1024) < 1e-15)
    #expect(McNemar.pValue(gained: 3, lost: 9) == McNemar.pValue(gained: 9, lost: 3))
  }

  /// Compared with the normal approximation with continuity correction, which is within 2 % at these
  /// counts, for which C(n, k) is beyond float64.
  @Test func largeCountsStayFinite() {
    for (gained, lost) in [(1040, 960), (5200, 5000), (10_100, 10_000)] {
      let n = Double(gained + lost)
      let z = (Double(abs(gained - lost)) - 1) / n.squareRoot()
      let normal = erfc(z / 2.0.squareRoot())
      #expect(abs(McNemar.pValue(gained: gained, lost: lost) / normal - 1) < 0.02)
    }
    let far = McNemar.pValue(gained: 3000, lost: 0)
    #expect(far >= 0 && far < 1e-300)
  }
}
