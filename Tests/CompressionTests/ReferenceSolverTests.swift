import Compression
import CompressionReference
import Numerics
import TestSupport
import Testing

/// The production solver against the paper's loop in float64.
@Suite struct ReferenceSolverTests {
  struct Layer: CustomTestStringConvertible, Sendable {
    var rows: Int
    var columns: Int
    var group: GroupWidth
    var bits: Int
    var symmetric = false
    var actOrder = false
    var staticGroups = true

    var testDescription: String {
      "\(rows)×\(columns) \(group) \(bits) bits" + (symmetric ? " symmetric" : "")
        + (actOrder ? " act-order" : "") + (staticGroups ? "" : " moving groups")
    }
  }

  static let layers: [Layer] = {
    var layers: [Layer] = []
    let sizes = [(1, 1), (7, 33), (33, 7), (65, 65), (130, 33), (1, 130), (33, 130), (65, 300)]
    for (index, (rows, columns)) in sizes.enumerated() {
      let bits = GridSettings.packableBits
      let narrow = GroupWidth.columns(max(1, min(columns, [1, 7, 24, 64][index % 4])))
      layers += [
        Layer(rows: rows, columns: columns, group: .row, bits: bits[index % 4]),
        Layer(rows: rows, columns: columns, group: narrow, bits: bits[(index + 1) % 4]),
        Layer(
          rows: rows, columns: columns, group: narrow, bits: bits[(index + 2) % 4], symmetric: true,
          actOrder: true),
        Layer(
          rows: rows, columns: columns, group: narrow, bits: bits[(index + 3) % 4], actOrder: true),
        Layer(
          rows: rows, columns: columns, group: narrow, bits: bits[index % 4], staticGroups: false),
      ]
    }
    // A group that begins inside a block of 128 columns and ends beyond it.
    layers.append(
      Layer(rows: 9, columns: 400, group: .columns(100), bits: 3, staticGroups: false))
    layers.append(
      Layer(
        rows: 9, columns: 400, group: .columns(150), bits: 4, symmetric: true, staticGroups: false))
    return layers
  }()

  /// Codes agree with the reference. A row may differ only from a column on where the rounding of
  /// float32 can decide: where the reference is as close to a tie as the bound of
  /// `ReferenceSolver.LoopRounding`, or where a grid depends on earlier errors.
  @Test(arguments: layers) func sameCodesUpToTies(layer: Layer) throws {
    var random = TestRandom("\(layer)")
    let inputs = SolverFixtures.inputs(2 * layer.columns + 5, layer.columns, &random)
    let weight = SolverFixtures.weights(layer.rows, layer.columns, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    let settings = TensorSettings(
      grid: GridSettings(bits: layer.bits, group: layer.group, symmetric: layer.symmetric),
      actOrder: layer.actOrder, staticGroups: layer.staticGroups)
    let solved = try #require(
      try LayerSolver.solve(
        [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian
      ).first)
    let quantized = try #require(solved.quantized)

    let order = ReferenceInputs.order(hessian, descending: layer.actOrder)
    var reference = ReferenceSolver(
      bits: layer.bits, groupWidth: quantized.groupWidth, symmetric: layer.symmetric,
      staticGroups: layer.staticGroups, order: order)
    reference.scaleExponent = quantized.scaleExponent
    let factor = try #require(ReferenceInputs.factor(hessian, order: order, damping: 0.01))
    var (error, slack, areEqual) = (0.0, 0.0, true)
    for row in 0..<layer.rows {
      let expected = reference.solve(ReferenceInputs.row(weight, row), factor: factor)
      error += expected.error
      slack += expected.errorSlack
      if try !ReferenceInputs.isEqual(
        quantized, row: row, to: expected, of: reference, gridsMoving: !layer.staticGroups,
        "\(random.note)")
      {
        areEqual = false
      }
    }
    if areEqual { #expect(abs(solved.ledger.solverError - error) <= slack, "\(random.note)") }
  }

  @Test func solverErrorIsTheDampedObjective() throws {
    // Σ ((w − q)/U_ii)² = tr(ΔW (H + λI) ΔWᵀ), because ΔW = E·U. That the sum is right to the
    // rounding of float32 is shown in `sameCodesUpToTies`; this is its meaning.
    var random = TestRandom(fixture: 11)
    let inputs = SolverFixtures.inputs(300, 96, &random)
    let weight = SolverFixtures.weights(40, 96, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    let solved = try LayerSolver.solve(
      [
        WeightMatrix(
          name: "w", weight: weight,
          settings: TensorSettings(grid: GridSettings(bits: 3, group: .columns(32))))
      ], hessian: hessian)[0]
    let output = 2 / 300.0 * SolverFixtures.outputError(weight, solved.restored, inputs)
    var size = 0.0
    for i in 0..<weight.count {
      let difference = Double(weight[i] - solved.restored[i])
      size += difference * difference
    }
    var mean = 0.0
    for value in hessian.diagonal { mean += Double(value) / 96 }
    let expected = output + 0.01 * mean * size
    #expect(abs(solved.ledger.solverError - expected) <= 1e-3 * expected)

    let whole = 2 / 300.0 * SolverFixtures.outputError(weight, Tensor([40, 96]), inputs)
    let relative = try #require(solved.ledger.relativeOutputError)
    #expect(abs(relative - output / whole) <= 1e-3 * relative)
  }

  /// Kernels for older processors solve the layer, too, up to ties that rounding decides.
  @Test(arguments: KernelLevel.allCases) func levelsAgree(_ level: KernelLevel) throws {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(300, 130, &random)
    let weight = SolverFixtures.weights(70, 130, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    defer { KernelLevel.limit(to: .highest) }
    KernelLevel.limit(to: level)
    let settings = TensorSettings(
      grid: GridSettings(bits: 4, group: .columns(48)), actOrder: true, staticGroups: true)
    let solved = try LayerSolver.solve(
      [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
    let quantized = try #require(solved.quantized)
    let order = ReferenceInputs.order(hessian, descending: true)
    let factor = try #require(ReferenceInputs.factor(hessian, order: order, damping: 0.01))
    var reference = ReferenceSolver(
      bits: 4, groupWidth: 48, symmetric: false, staticGroups: true, order: order)
    reference.scaleExponent = quantized.scaleExponent
    for row in 0..<70 {
      let expected = reference.solve(ReferenceInputs.row(weight, row), factor: factor)
      _ = try ReferenceInputs.isEqual(
        quantized, row: row, to: expected, of: reference, "\(random.note)")
    }
  }
}
