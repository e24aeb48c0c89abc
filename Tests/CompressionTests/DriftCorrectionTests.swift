import Bytes
import Compression
import CompressionReference
import Numerics
import TestSupport
import Testing

/// Corrections for drift against their definitions in float64.
///
/// Layers are fixtures. The corrected weights are products of four float32 matrices, of which H⁻¹
/// magnifies rounding errors, so that bounds for every layer would be far wider than the errors
/// are; asserted are outcomes on these layers.
@Suite struct DriftCorrectionTests {
  /// The weights of a row corrected for drift, by original column.
  private func corrected(
    _ layer: DriftedLayer, row: Int, _ correction: DriftCorrection, order: [Int]
  ) -> [Double] {
    let n = order.count
    let (h, d, w) = (layer.damped(), layer.moment, ReferenceInputs.row(layer.weight, row))
    var result = w
    switch correction.method {
    case .qep, .block:
      // (w* − w)(H + λI) = w D, plus E's row for `block`
      let e = correction.method == .block ? layer.streamMoment : []
      let right = (0..<n).map { j in
        (0..<n).reduce(e.isEmpty ? 0 : e[row * n + j]) { $0 + w[$1] * d[$1 * n + j] }
      }
      let shift = eliminated(h, right)
      for j in 0..<n { result[j] += correction.strength * shift[j] }
    case .gptaq:
      // A column's drift is compensated by later columns only.
      for q in 0..<n - 1 {
        let later = Array(order[(q + 1)...])
        let block = later.flatMap { i in later.map { h[i * n + $0] } }
        let shift = eliminated(block, later.map { w[order[q]] * d[order[q] * n + $0] })
        for (j, value) in zip(later, shift) { result[j] += correction.strength * value }
      }
    }
    return result
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var correction: DriftCorrection
    var rows: Int
    var columns: Int
    var actOrder: Bool

    var testDescription: String {
      "\(correction.method.rawValue) \(correction.strength), \(rows)×\(columns)"
        + (actOrder ? ", act-order" : "")
    }
  }

  static let cases: [Case] = DriftCorrection.Method.allCases.flatMap { method in
    [(1, 2, 1.0), (7, 33, 0.25), (66, 40, 0.5), (5, 130, 1)].flatMap { rows, columns, strength in
      [false, true].map {
        Case(
          correction: DriftCorrection(method, strength: strength), rows: rows, columns: columns,
          actOrder: $0)
      }
    }
  }

  @Test(arguments: cases) func codesMatchTheReference(_ test: Case) throws {
    var random = TestRandom(fixture: UInt64(1000 * test.rows + test.columns))
    let layer = DriftedLayer(test.rows, test.columns, &random)
    let solved = try layer.solve(
      TensorSettings(
        grid: GridSettings(bits: 3, group: .columns(min(16, test.columns))),
        actOrder: test.actOrder, drift: test.correction))
    let quantized = try #require(solved.quantized)
    let order = ReferenceInputs.order(layer.hessian, descending: test.actOrder)
    let factor = try #require(ReferenceInputs.factor(layer.hessian, order: order, damping: 0.01))
    let reference = ReferenceSolver(
      bits: 3, groupWidth: quantized.groupWidth, symmetric: false, staticGroups: true, order: order)
    var different = 0
    var (moved, whole) = (0.0, 0.0)
    for row in 0..<test.rows {
      let target = corrected(layer, row: row, test.correction, order: order)
      let weights = ReferenceInputs.row(layer.weight, row)
      moved += layer.outputSize(zip(target, weights).map { $0 - $1 })
      whole += layer.outputSize(weights)
      let grids = (0..<quantized.groups).map { group in
        ReferenceSolver.Grid(
          scale: Double(Float16(bitPattern: quantized.scales[row * quantized.groups + group])),
          zero: Double(quantized.zeros[row * quantized.groups + group]))
      }
      // The grid is that of the corrected weights.
      for (group, grid) in grids.enumerated() {
        let columns = group * quantized.groupWidth
        let fitted = reference.fit(
          Array(target[columns..<min(columns + quantized.groupWidth, target.count)]))
        // Two float16 steps.
        #expect(abs(fitted.scale - grid.scale) <= 2e-3 * grid.scale, "row \(row)")
      }
      let expected = reference.solve(target, factor: factor, grids: grids)
      for column in order {
        let code = quantized.codes[row * test.columns + column]
        guard code != expected.codes[column] else { continue }
        #expect(
          expected.margins[column] < 4e-3,
          "row \(row) column \(column): \(code), not \(expected.codes[column])")
        different += 1
        break
      }
    }
    #expect(different <= 1 + test.rows / 8, "\(different) rows differ from ties on")
    let shift = try #require(solved.ledger.driftShift)
    #expect(abs(shift - moved / whole) <= 1e-4 * moved / whole)
  }

  /// At strength 1 each column's step leaves the later columns at the damped least-squares optimum
  /// for all rounding and drift so far.
  @Test(arguments: [false, true]) func eachStepOfGPTAQIsTheExactMinimum(actOrder: Bool) throws {
    var random = TestRandom(fixture: 51)
    let (rows, n) = (6, 24)
    let layer = DriftedLayer(rows, n, &random)
    let solved = try layer.solve(
      TensorSettings(
        grid: GridSettings(bits: 4, group: .row), actOrder: actOrder,
        drift: DriftCorrection(.gptaq, strength: 1)))
    let quantized = try #require(solved.quantized)
    let order = ReferenceInputs.order(layer.hessian, descending: actOrder)
    let (h, d) = (layer.damped(), layer.moment)
    var different = 0
    rows: for row in 0..<rows {
      let w = ReferenceInputs.row(layer.weight, row)
      let scale = Double(Float16(bitPattern: quantized.scales[row]))
      let zero = Double(quantized.zeros[row])
      var values = w
      for (q, column) in order.enumerated() {
        let steps = values[column] / scale + zero
        let code = min(max(steps, 0), 15).rounded(.toNearestOrEven)
        if code != Double(quantized.codes[row * n + column]) {
          #expect(0.5 - abs(steps - steps.rounded()) < 4e-3, "row \(row) column \(column)")
          different += 1
          continue rows
        }
        values[column] = (code - zero) * scale
        let later = Array(order[(q + 1)...])
        let block = later.flatMap { i in later.map { h[i * n + $0] } }
        let right = later.map { j in
          order[...q].reduce(later.reduce(0) { $0 + w[$1] * h[$1 * n + j] }) {
            $0 + (w[$1] - values[$1]) * h[$1 * n + j] + w[$1] * d[$1 * n + j]
          }
        }
        for (j, value) in zip(later, eliminated(block, right)) { values[j] = value }
      }
    }
    #expect(different <= 1, "\(different) rows differ from ties on")
  }

  static let methods: [TensorSettings] = [
    TensorSettings(grid: GridSettings(bits: 3, group: .columns(16))),
    TensorSettings(method: .roundToNearest, grid: GridSettings(bits: 4, group: .columns(16))),
    TensorSettings(method: .sparseGPT, sparsity: .share(0.5), values: .f32),
    TensorSettings(
      method: .sparseGPT, sparsity: .pattern(kept: 2, of: 4), repairSteps: 0, values: .f32),
    TensorSettings(
      method: .gptq, grid: GridSettings(bits: 4, group: .columns(16)), sparsity: .share(0.5)),
    TensorSettings(method: .wanda, sparsity: .share(0.3), values: .f32),
  ]

  /// With every method, corrections bring the layer's output on drifted inputs closer to the
  /// uncompressed one.
  @Test(arguments: methods) func outputsComeCloserToTheUncompressedModels(_ plain: TensorSettings)
    throws
  {
    var random = TestRandom(fixture: 52)
    let layer = DriftedLayer(40, 64, size: 0.6, &random)
    let without = layer.outputError(try layer.solve(plain).restored)
    let corrections = [DriftCorrection(.qep, strength: 0.5), DriftCorrection(.qep, strength: 1)]
    var errors = [without]
    for correction in corrections {
      var settings = plain
      settings.drift = correction
      let solved = try layer.solve(settings)
      errors.append(layer.outputError(solved.restored))
      #expect((solved.ledger.driftShift ?? 0) > 0)
      #expect(solved.ledger.json["drift"]?.string == "qep")
      #expect(solved.ledger.json["driftStrength"]?.double == correction.strength)
      if let kept = solved.kept {
        for i in kept.indices where kept[i] == 0 { #expect(solved.restored[i] == 0) }
      }
    }
    #expect(errors[1] < 0.95 * errors[0] && errors[2] < errors[1], "\(errors)")
    var (whole, own) = (plain, plain)
    whole.drift = DriftCorrection(.block, strength: 1)
    own.drift = DriftCorrection(.qep, strength: 1)
    let streams = try [whole, own].map {
      layer.outputError(try layer.solve($0).restored, inStream: true)
    }
    #expect(streams[0] < 0.9 * streams[1], "\(streams)")
    if plain.method.feedsErrorsForward {
      var settings = plain
      settings.drift = DriftCorrection(.gptaq, strength: 1)
      let error = layer.outputError(try layer.solve(settings).restored)
      #expect(error < 0.98 * without, "gptaq \(error) against \(without)")
    }
  }

  @Test(arguments: DriftCorrection.Method.allCases)
  func withoutDriftNothingChanges(_ method: DriftCorrection.Method) throws {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(90, 40, &random)
    let weight = SolverFixtures.weights(20, 40, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    var drift = InputDrift(columns: 40)
    drift.add(inputs, full: inputs)
    var settings = TensorSettings(grid: GridSettings(bits: 3, group: .columns(16)))
    let plain = try LayerSolver.solve(
      [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
    #expect(plain.ledger.driftShift == nil && plain.ledger.json["drift"] == nil)
    settings.drift = DriftCorrection(method, strength: 1)
    let matrices = [WeightMatrix(name: "w", weight: weight, settings: settings)]
    let found = try LayerSolver.solve(matrices, hessian: hessian, drift: drift)[0]
    #expect(found.quantized?.codes == plain.quantized?.codes)
    #expect(found.ledger.driftShift == 0)
    #expect(throws: Failure.self) { try LayerSolver.solve(matrices, hessian: hessian) }
  }

  /// Inputs that are 0 only after compressed layers are compensated by other columns.
  @Test func deadColumnsAreCompensated() throws {
    var random = TestRandom(fixture: 53)
    let full = SolverFixtures.inputs(120, 24, &random)
    let inputs = full.copy()
    for row in 0..<inputs.rows { inputs[row, 5] = 0 }
    let weight = SolverFixtures.weights(10, 24, &random)
    var (hessian, drift) = (Hessian(columns: 24), InputDrift(columns: 24))
    hessian.add(inputs)
    drift.add(inputs, full: full)
    func error(_ correction: DriftCorrection?) throws -> Double {
      let settings = TensorSettings(
        grid: GridSettings(bits: 8, group: .row), drift: correction)
      let restored = try LayerSolver.solve(
        [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian,
        drift: drift)[0].restored
      #expect((0..<10).allSatisfy { restored[$0, 5] == 0 })
      let (wanted, found) = (Tensor([120, 10]), Tensor([120, 10]))
      MatMul.multiply(full, weight, into: wanted, transposeB: true)
      MatMul.multiply(inputs, restored, into: found, transposeB: true)
      Vector.add(wanted, scaledBy: -1, into: found)
      return Vector.sumOfSquares(found)
    }
    #expect(try error(DriftCorrection(.qep, strength: 1)) < 0.6 * error(nil))
  }
}
