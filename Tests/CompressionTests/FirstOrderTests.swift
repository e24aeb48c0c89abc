import Bytes
import Compression
import CompressionReference
import Numerics
import TestSupport
import Testing

/// FOEM's first-order term against the float64 reference.
@Suite struct FirstOrderTests {
  @Test(arguments: [(7, 33, false), (70, 130, true), (3, 300, false)], [0.1, 0.5])
  func codesMatchTheReference(_ size: (rows: Int, columns: Int, actOrder: Bool), share: Double)
    throws
  {
    var random = TestRandom("\(size) \(share)")
    let inputs = SolverFixtures.inputs(2 * size.columns + 5, size.columns, &random)
    let weight = SolverFixtures.weights(size.rows, size.columns, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    func solve(_ share: Double) throws -> SolvedTensor {
      let settings = TensorSettings(
        grid: GridSettings(bits: 3, group: .columns(32)), actOrder: size.actOrder,
        firstOrder: share)
      return try LayerSolver.solve(
        [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
    }
    let (solved, plain) = (try solve(share), try solve(0))
    #expect(solved.ledger.json["firstOrder"]?.double == share)
    #expect(plain.ledger.json["firstOrder"] == nil)
    let quantized = try #require(solved.quantized)
    #expect(quantized.codes != plain.quantized?.codes)
    let order = ReferenceInputs.order(hessian, descending: size.actOrder)
    // The kernel has the share in float32.
    let rounded = Double(Float(share))
    let factor = try #require(
      ReferenceInputs.factor(hessian, order: order, damping: 0.01, firstOrder: rounded))
    var reference = ReferenceSolver(
      bits: 3, groupWidth: 32, symmetric: false, staticGroups: true, order: order)
    reference.firstOrder = rounded
    for row in 0..<size.rows {
      let expected = reference.solve(ReferenceInputs.row(weight, row), factor: factor)
      _ = try ReferenceInputs.isEqual(
        quantized, row: row, to: expected, of: reference, "\(random.note)")
    }
  }

  /// At strength 1 each column is rounded as if no column had come before it, so that the reference
  /// has the codes of round-to-nearest, and the solver has them up to ties.
  @Test func fullStrengthIsRoundToNearest() throws {
    var random = TestRandom()
    let hessian = SolverFixtures.hessian(of: SolverFixtures.inputs(200, 70, &random))
    let weight = SolverFixtures.weights(9, 70, &random)
    let grid = GridSettings(bits: 3, group: .columns(16))
    let found = try LayerSolver.solve(
      [
        WeightMatrix(name: "w", weight: weight, settings: TensorSettings(grid: grid, firstOrder: 1))
      ],
      hessian: hessian)[0]
    let order = Array(0..<70)
    let factor = try #require(
      ReferenceInputs.factor(hessian, order: order, damping: 0.01, firstOrder: 1))
    var reference = ReferenceSolver(
      bits: 3, groupWidth: 16, symmetric: false, staticGroups: true, order: order)
    let quantized = try #require(found.quantized)
    for row in 0..<9 {
      let weights = ReferenceInputs.row(weight, row)
      reference.firstOrder = 0
      let nearest = reference.solve(weights, factor: nil)
      reference.firstOrder = 1
      let expected = reference.solve(weights, factor: factor)
      for column in order where nearest.margins[column] > 1e-9 {
        #expect(expected.codes[column] == nearest.codes[column], "\(random.note)")
      }
      _ = try ReferenceInputs.isEqual(
        quantized, row: row, to: expected, of: reference, "\(random.note)")
    }
  }

  @Test(arguments: [Sparsity.share(0.5), .pattern(kept: 2, of: 4)])
  func masksStayExact(_ sparsity: Sparsity) throws {
    var random = TestRandom()
    let hessian = SolverFixtures.hessian(of: SolverFixtures.inputs(200, 72, &random))
    let weight = SolverFixtures.weights(9, 72, &random)
    for bits in [nil, 4] {
      let settings = TensorSettings(
        grid: GridSettings(bits: bits ?? 4, group: .columns(16)), sparsity: sparsity,
        firstOrder: 0.1, values: bits == nil ? .f32 : nil)
      let solved = try LayerSolver.solve(
        [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
      let kept = try #require(solved.kept)
      #expect(kept.count { $0 == 0 } == 9 * 36)
      for i in kept.indices where kept[i] == 0 { #expect(solved.restored[i] == 0) }
    }
  }

  @Test func requiresErrorFeedback() {
    #expect(throws: Failure.self) {
      try TensorSettings(method: .roundToNearest, firstOrder: 0.1).validate()
    }
    #expect(throws: Failure.self) { try TensorSettings(firstOrder: 1.5).validate() }
    #expect(throws: Failure.self) {
      try TensorSettings(method: .roundToNearest, drift: DriftCorrection(.gptaq)).validate()
    }
    #expect(throws: Failure.self) {
      try TensorSettings(drift: DriftCorrection(.qep, strength: 1.1)).validate()
    }
    #expect(throws: Never.self) {
      try TensorSettings(method: .roundToNearest, drift: DriftCorrection(.qep)).validate()
    }
  }
}
