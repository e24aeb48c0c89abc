import Compression
import Numerics
import TestSupport
import Testing

@Suite struct AllocationTests {
  private func rating(_ bytes: Int, _ error: Double) -> CandidateRating {
    CandidateRating(settings: TensorSettings(), bytes: bytes, error: error)
  }

  /// The choice against an exhaustive search of small problems.
  ///
  /// A choice by one price λ per byte is optimal for its own size, and its error exceeds the
  /// optimum within the budget by at most λ times the bytes left over. Those are fewer bytes than
  /// the next step of one matrix takes, whose price is λ, so the excess is less than the difference
  /// between two candidates of one matrix.
  @Test func comesCloseToTheOptimum() {
    var random = TestRandom()
    for _ in 0..<50 {
      let ratings = (0..<5).map { _ -> [CandidateRating] in
        let weight = 1 + random.uniform() * 9
        return [2, 3, 4, 8].map { bits in
          rating(
            bits * 100,
            weight * Double(sign: .plus, exponent: -2 * bits, significand: 1)
              * (0.5 + random.uniform()))
        }
      }
      let budget = 1200 + Int(random.uniform() * 2000)
      var best = Double.infinity
      var choice = [0, 0, 0, 0, 0]
      for code in 0..<1024 {
        for i in 0..<5 { choice[i] = code >> (2 * i) & 3 }
        let size = zip(ratings, choice).reduce(0) { $0 + $1.0[$1.1].bytes }
        if size <= budget {
          best = min(best, zip(ratings, choice).reduce(0) { $0 + $1.0[$1.1].error })
        }
      }
      guard let found = Allocation.choose(ratings, budget: budget) else {
        Issue.record("nothing fits \(budget), \(random.note)")
        continue
      }
      let size = zip(ratings, found).reduce(0) { $0 + $1.0[$1.1].bytes }
      let error = zip(ratings, found).reduce(0) { $0 + $1.0[$1.1].error }
      let step = ratings.reduce(0) { most, candidates in
        let errors = candidates.map(\.error)
        return max(most, (errors.max() ?? 0) - (errors.min() ?? 0))
      }
      #expect(size <= budget, "\(random.note)")
      #expect(error <= best + step, "\(error) against \(best), \(random.note)")
      // What is left of the budget pays for no better candidate of any matrix.
      for (candidates, index) in zip(ratings, found) {
        let now = candidates[index]
        #expect(
          !candidates.contains { $0.error < now.error && $0.bytes - now.bytes <= budget - size },
          "\(budget - size) bytes left, \(random.note)")
      }
    }
  }

  /// With two matrices whose candidates differ by as many bytes, the bits go where they save more.
  @Test func theMatrixThatGainsMoreGetsTheBits() {
    let ratings = [
      [rating(100, 1), rating(200, 0.5)], [rating(100, 4), rating(200, 1)],
    ]
    #expect(Allocation.choose(ratings, budget: 300) == [0, 1])
    #expect(Allocation.choose(ratings.reversed(), budget: 300) == [1, 0])
    #expect(Allocation.choose(ratings, budget: 400) == [1, 1])
  }

  @Test func aBudgetThatNothingFitsIsRefused() {
    #expect(Allocation.choose([[rating(10, 1), rating(20, 0.5)]], budget: 9) == nil)
    #expect(Allocation.choose([[rating(10, 1), rating(20, 0.5)]], budget: 20) == [1])
    #expect(Allocation.choose([], budget: 0) == [])
  }

  @Test func candidatesVaryTheBasesBitsAndShares() {
    #expect(Allocation.candidates(around: TensorSettings()).map(\.grid.bits) == [2, 3, 4, 8])
    let pruned = Allocation.candidates(
      around: TensorSettings(sparsity: .share(0.5), values: .f16))
    #expect(pruned.map(\.sparsity.share) == [0.3, 0.4, 0.5, 0.6, 0.7])
    // The base is always among them, whatever its share.
    for share in [0.03, 0.6251234, 0.97] {
      let base = TensorSettings(sparsity: .share(share))
      #expect(Allocation.candidates(around: base).contains(base), "\(share)")
    }
    #expect(
      Allocation.candidates(around: TensorSettings(sparsity: .pattern(kept: 2, of: 4))).count == 4)
  }

  @Test func rulesMatchByPattern() {
    func fits(_ pattern: String, _ name: String) -> Bool {
      CompressionRule(pattern: pattern, settings: TensorSettings()).fits(name)
    }
    let name = "model.layers.10.mlp.down_proj.weight"
    for pattern in [
      "*", "*.down_proj", "*.down_proj.weight", "model.layers.10.*", "model.*.mlp.*", name,
      "*down*",
    ] { #expect(fits(pattern, name), "\(pattern)") }
    for pattern in ["model.layers.1.*", "*.up_proj", "down_proj", "", "*.down", "model.*.attn.*"] {
      #expect(!fits(pattern, name), "\(pattern)")
    }
    #expect(fits("*a*b", "xaab") && fits("*ab", "abab") && !fits("*ab", "aba"))
  }
}
