import Compression
import CompressionReference
import Numerics
import TestSupport
import Testing

@Suite struct RangeSearchTests {
  /// The kernel's choice among the 80 ranges is as good as the exact one; the last bits of its
  /// power function may decide between equal costs.
  @Test(arguments: [RangeSearch.clipped, .weighted], [2, 3, 4, 8])
  func choiceIsTheBest(search: RangeSearch, bits: Int) throws {
    let columns = 65
    var random = TestRandom("\(search) \(bits)")
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
          func cost(_ grid: ReferenceSolver.Grid) -> Double {
            reference.searchError(part, grid, unit: 0.01, importance: weights)
          }
          #expect(cost(chosen) <= cost(best) * (1 + 1e-4) + 1e-9)
          var full = reference
          full.search = .full
          if chosen.scale < full.fit(part).scale { shrunken += 1 }
        }
      }
      if bits < 8 { #expect(shrunken > 10, "the search never clipped anything") }
    }
  }
}
