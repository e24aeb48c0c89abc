import Compression
import CompressionReference
import Numerics
import TestSupport
import Testing

@Suite struct RangeSearchTests {
  /// The kernel's choice among the 80 ranges is as good as the exact one, up to the rounding of the
  /// costs.
  ///
  /// A distance w − q·s is rounded once (q·s is exact) and scaled, and near a tie, which is within
  /// 2^bits·2u of one because w/s is rounded twice, the other q gives a distance that differs by
  /// four times as much. Its power has a relative error below 10⁻⁵ (gptq_grid.h), and γ₃₃ is that
  /// of the sum. Two costs are compared, each with that error.
  @Test(arguments: [RangeSearch.clipped, .weighted], [2, 3, 4, 8])
  func choiceIsTheBest(search: RangeSearch, bits: Int) throws {
    let columns = 65
    var random = TestRandom(fixture: UInt64(bits))
    let cost = 2.4 * Double(4 * (1 << bits) + 4) * Rounding.float32 + 1e-5 + Rounding.gamma(33)
    let weight = SolverFixtures.weights(33, columns, &random)
    // A far outlier in some rows makes clipping pay.
    for row in stride(from: 0, to: 33, by: 3) { weight[row, row % columns] *= 4 }
    let inputs = SolverFixtures.inputs(150, columns, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    for symmetric in [true, false] {
      let settings = TensorSettings(
        grid: GridSettings(
          bits: bits, group: .columns(32), symmetric: symmetric, rangeSearch: search))
      let solved = try LayerSolver.solve(
        [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
      var reference = ReferenceSolver(
        bits: bits, groupWidth: 32, symmetric: symmetric, staticGroups: true,
        order: Array(0..<columns))
      reference.search = search
      let diagonal = hessian.diagonal.map(Double.init)
      let mean = diagonal.reduce(0, +) / Double(columns)
      let importance = search == .weighted ? diagonal.map { $0 / mean } : []
      var shrunken = 0
      for row in 0..<33 {
        let values = ReferenceInputs.row(weight, row)
        for group in 0..<3 {
          let span = group * 32..<min(columns, group * 32 + 32)
          let part = Array(values[span])
          let weights = importance.isEmpty ? [] : Array(importance[span])
          let scale = Double(Float16(bitPattern: solved.quantized!.scales[row * 3 + group]))
          let chosen = ReferenceSolver.Grid(
            scale: scale, zero: Double(solved.quantized!.zeros[row * 3 + group]))
          let best = reference.fit(part, importance: weights)
          func error(_ grid: ReferenceSolver.Grid) -> Double {
            reference.searchError(part, grid, unit: 0.01, importance: weights)
          }
          #expect(error(chosen) <= error(best) * (1 + cost) / (1 - cost) + Rounding.smallest)
          var full = reference
          full.search = .full
          if chosen.scale < full.fit(part).scale { shrunken += 1 }
        }
      }
      // An outcome on this fixture: it clips most of the 99 groups at 2 bits, fewer at 4.
      if bits < 8 { #expect(shrunken > 10, "the search never clipped anything") }
    }
  }
}
