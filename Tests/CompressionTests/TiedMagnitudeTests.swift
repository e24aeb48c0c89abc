import Compression
import Numerics
import TestSupport
import Testing

/// Magnitude pruning of weights with few different sizes, as in a checkpoint that was quantized
/// earlier.
@Suite struct TiedMagnitudeTests {
  /// A matrix [12, 24] of sizes 0 to 3, with every fifth column 0.
  private let weight: Tensor = {
    var random = TestRandom(fixture: 42)
    return Tensor(
      [12, 24],
      (0..<12 * 24).map { i in
        let size = random.below(4) * (i % 24 % 5 == 0 ? 0 : 1)
        return Float(i % 3 == 0 ? -size : size)
      })
  }()

  /// Indices in the order of pruning: by |w|, then by |w| / Σ|row| + |w| / Σ|column|, then by
  /// index.
  private func order(_ range: Range<Int>) -> [Int] {
    func size(_ i: Int) -> Double { Double(abs(weight[i / 24, i % 24])) }
    func relative(_ i: Int) -> Double {
      let row = (0..<24).reduce(0) { $0 + size(i / 24 * 24 + $1) }
      let column = (0..<12).reduce(0) { $0 + size($1 * 24 + i % 24) }
      return size(i) == 0 ? 0 : size(i) / row + size(i) / column
    }
    return range.sorted { a, b in
      if size(a) != size(b) { return size(a) < size(b) }
      // Sums of integers are exact; their inverses and the sum of two are rounded to float32, so
      // that equal ones may differ by γ₃ = 2·10⁻⁷. On this fixture others differ by more than 10⁻⁶.
      let (first, second) = (relative(a), relative(b))
      return abs(first - second) > 1e-6 * first ? first < second : a < b
    }
  }

  private func dropped(_ sparsity: Sparsity) throws -> Set<Int> {
    let solved = try #require(
      try LayerSolver.solve(
        [
          WeightMatrix(
            name: "w", weight: weight,
            settings: TensorSettings(
              method: .magnitude, sparsity: sparsity, repairSteps: 0, values: .f32))
        ], hessian: nil
      ).first)
    let kept = try #require(solved.kept)
    return Set(kept.indices.filter { kept[$0] == 0 })
  }

  @Test(arguments: [0.25, 0.5, 0.625, 0.75]) func relativeImportanceDecidesTiesInAMatrix(
    _ share: Double
  ) throws {
    let wanted = order(0..<12 * 24).prefix(Int(Double(12 * 24) * share))
    let found = try dropped(.share(share))
    // It makes no difference which zeros are dropped.
    func nonzero(_ indices: some Sequence<Int>) -> Set<Int> {
      Set(indices.filter { weight[$0 / 24, $0 % 24] != 0 })
    }
    #expect(found.count == wanted.count)
    #expect(nonzero(found) == nonzero(wanted))
    // Ties decided by index would drop other weights, an outcome on this fixture.
    let byPlace = (0..<12 * 24).sorted {
      (abs(weight[$0 / 24, $0 % 24]), $0) < (abs(weight[$1 / 24, $1 % 24]), $1)
    }
    if share >= 0.5 { #expect(nonzero(found) != nonzero(byPlace.prefix(wanted.count))) }
  }

  @Test func relativeImportanceDecidesTiesInGroups() throws {
    let found = try dropped(.pattern(kept: 4, of: 8))
    for start in stride(from: 0, to: 12 * 24, by: 8) {
      let wanted = order(start..<start + 8).prefix(4)
      let here = found.filter { (start..<start + 8).contains($0) }
      #expect(here.count == 4)
      #expect(
        here.filter { weight[$0 / 24, $0 % 24] != 0 }
          == Set(wanted.filter { weight[$0 / 24, $0 % 24] != 0 }), "group at \(start)")
    }
  }
}
