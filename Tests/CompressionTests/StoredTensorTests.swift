import BundleFormat
import Bytes
import Compression
import Numerics
import TestSupport
import Testing

/// Stored tensors decode to the solved weights, bit for bit, with the container's plain decoder.
@Suite struct StoredTensorTests {
  @Test(arguments: [2, 3, 4, 8], [true, false]) func decodesToTheSolvedWeights(
    bits: Int, symmetric: Bool
  ) throws {
    var random = TestRandom("\(bits) \(symmetric)")
    for (rows, columns, group) in [
      (1, 1, GroupWidth.row), (7, 33, .columns(5)), (65, 64, .columns(64)), (3, 130, .columns(48)),
      (66, 200, .row),
    ] {
      for magnitude in [1e-9, 0.05, 1e6] {
        let weight = SolverFixtures.weights(rows, columns, scale: magnitude, &random)
        let inputs = SolverFixtures.inputs(columns + 20, columns, &random)
        let solved = try LayerSolver.solve(
          [
            WeightMatrix(
              name: "w", weight: weight,
              settings: TensorSettings(
                grid: GridSettings(
                  bits: bits, group: group, symmetric: symmetric, rangeSearch: .clipped)))
          ], hessian: SolverFixtures.hessian(of: inputs))[0]
        let stored = try solved.stored()
        #expect(stored.descriptor.shape == [rows, columns])
        #expect((stored.zeros == nil) == symmetric)
        let decoded = try stored.dequantized()
        #expect(decoded == solved.restored.values, "\(rows)×\(columns), \(magnitude)")
      }
    }
  }

  /// Rows are interleaved only in packed sparse matrices with whole tiles of rows and groups of
  /// whole runs.
  @Test(arguments: [Sparsity.share(0.5), .pattern(kept: 2, of: 4), .pattern(kept: 4, of: 8)])
  func interleavesRowsWhereTheShapeAllows(sparsity: Sparsity) throws {
    var random = TestRandom()
    for (rows, columns, group, suits) in [
      (32, 128, GroupWidth.columns(64), true), (16, 192, .columns(128), true),
      (16, 256, .row, true), (24, 128, .columns(64), false), (16, 100, .columns(64), false),
      (16, 128, .columns(32), false), (16, 96, .row, false),
    ] {
      let inputs = SolverFixtures.inputs(2 * columns, columns, &random)
      let hessian = SolverFixtures.hessian(of: inputs)
      for bits in [3, 4, 8, nil] as [Int?] {
        let settings = TensorSettings(
          method: .magnitude,
          grid: GridSettings(bits: bits ?? 4, group: group, rangeSearch: .clipped),
          sparsity: sparsity, values: bits == nil ? .f16 : nil)
        let weight = SolverFixtures.weights(rows, columns, &random)
        let solved = try LayerSolver.solve(
          [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
        let stored = try solved.stored()
        // Ranks of 4 of 8 don't fit lanes of four columns.
        let isLaned: Bool =
          switch stored.descriptor.sparsity {
          case nil: false
          case .bitmask: true
          case .nm(let pattern): pattern.of == 4
          }
        #expect(
          stored.descriptor.interleaved == (suits && isLaned && bits != nil),
          "\(rows)×\(columns), \(String(describing: bits)) bits")
        if bits == 8, sparsity != .pattern(kept: 4, of: 8) { #expect(isLaned) }
        let kept = try #require(solved.kept)
        if stored.descriptor.sparsity != nil {
          #expect(try stored.keptFlags() == kept.map { $0 != 0 })
        }
        if bits != nil { #expect(try stored.dequantized() == solved.restored.values) }
      }
    }
  }
}
