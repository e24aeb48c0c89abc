/// Candidate settings for one matrix, with the size in bytes and the output error.
package struct CandidateRating: Sendable, Equatable {
  package let settings: TensorSettings
  package let bytes: Int
  /// tr(ΔW H ΔWᵀ) / tr(W H Wᵀ), the share of the output's energy that became error.
  package let error: Double

  package init(settings: TensorSettings, bytes: Int, error: Double) {
    self.settings = settings
    self.bytes = bytes
    self.error = error
  }
}

/// Mixed-precision allocation: one candidate per matrix within a total budget of bytes.
package enum Allocation {
  /// The candidate settings of a matrix: `base` itself and variants with other bits, other shares
  /// of zeros, or both.
  package static func candidates(around base: TensorSettings) -> [TensorSettings] {
    var shares = [base.sparsity]
    if case .share(let share) = base.sparsity {
      let others = [-0.2, -0.1, 0.1, 0.2].map { ((share + $0) * 1000).rounded() / 1000 }
      shares = (others.filter { (0.05...0.95).contains($0) } + [share]).sorted().map { .share($0) }
    }
    let bits = base.quantizes ? GridSettings.packableBits : [base.grid.bits]
    return shares.flatMap { sparsity in
      bits.map { bits in
        var settings = base
        settings.sparsity = sparsity
        settings.grid.bits = bits
        return settings
      }
    }
  }

  /// The index of the chosen candidate per matrix; nil if even the smallest candidates exceed
  /// `budget` bytes.
  ///
  /// Approximately the least Σ error: one price per byte for all matrices (a Lagrange multiplier)
  /// is found by bisection, and the bytes left over go to the steps with the highest gain per byte.
  package static func choose(_ ratings: [[CandidateRating]], budget: Int) -> [Int]? {
    func cheapest(_ price: Double) -> [Int] {
      ratings.map { candidates in
        candidates.indices.min {
          let (a, b) = (candidates[$0], candidates[$1])
          let (x, y) = (a.error + price * Double(a.bytes), b.error + price * Double(b.bytes))
          return x != y ? x < y : a.bytes < b.bytes
        } ?? 0
      }
    }
    func size(_ choice: [Int]) -> Int {
      zip(ratings, choice).reduce(0) { $0 + $1.0[$1.1].bytes }
    }
    var best = ratings.map { candidates in
      candidates.indices.min { candidates[$0].bytes < candidates[$1].bytes } ?? 0
    }
    guard size(best) <= budget else { return nil }
    // Prices from almost 0 to one at which every matrix takes its smallest candidate.
    var (low, high) = (0x1p-60, 1.0)
    for _ in 0..<60 {
      let middle = (low * high).squareRoot()
      let choice = cheapest(middle)
      if size(choice) <= budget {
        best = choice
        high = middle
      } else {
        low = middle
      }
    }
    spendTheRest(&best, ratings, budget - size(best))
    return best
  }

  private static func spendTheRest(
    _ choice: inout [Int], _ ratings: [[CandidateRating]], _ left: Int
  ) {
    var left = left
    while true {
      var step: (matrix: Int, candidate: Int, gain: Double)?
      for (matrix, candidates) in ratings.enumerated() {
        let now = candidates[choice[matrix]]
        for (index, candidate) in candidates.enumerated() {
          let more = candidate.bytes - now.bytes
          guard more <= left, candidate.error < now.error else { continue }
          let gain = (now.error - candidate.error) / Double(max(more, 1))
          if gain > step?.gain ?? 0 { step = (matrix, index, gain) }
        }
      }
      guard let step else { return }
      left -=
        ratings[step.matrix][step.candidate].bytes - ratings[step.matrix][choice[step.matrix]].bytes
      choice[step.matrix] = step.candidate
    }
  }
}
