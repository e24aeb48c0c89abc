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

  /// Codes agree with the reference. A row may differ only from a column on where the reference was
  /// close to a tie or, with grids that depend on earlier errors, to another f16 scale.
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
    let unit = Double(sign: .plus, exponent: quantized.scaleExponent, significand: 1)
    let factor = try #require(ReferenceInputs.factor(hessian, order: order, damping: 0.01))
    var different = 0
    for row in 0..<layer.rows {
      let expected = reference.solve(ReferenceInputs.row(weight, row), factor: factor)
      let groups = quantized.groups
      for column in order {
        let group = row * groups + column / quantized.groupWidth
        let scale = Double(Float16(bitPattern: quantized.scales[group])) * unit
        let grid = expected.grids[column / quantized.groupWidth]
        if scale != grid.scale || Double(quantized.zeros[group]) != grid.zero {
          #expect(
            !layer.staticGroups, "\(random.note): row \(row) has another grid at column \(column)")
          #expect(abs(scale - grid.scale) <= 1.001 / 1024 * grid.scale, "\(random.note)")
          different += 1
          break
        }
        let code = quantized.codes[row * layer.columns + column]
        if code != expected.codes[column] {
          #expect(
            expected.margins[column] < 2e-3,
            "\(random.note): row \(row) column \(column): \(code), not \(expected.codes[column])")
          different += 1
          break
        }
      }
    }
    #expect(
      different <= 1 + layer.rows / 8, "\(random.note): \(different) rows differ from ties on")
  }

  @Test func solverErrorIsTheDampedObjective() throws {
    // Σ ((w − q)/U_ii)² = tr(ΔW (H + λI) ΔWᵀ), because ΔW = E·U.
    var random = TestRandom()
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

  /// Kernels for older processors solve as well as those of the highest level.
  @Test func levelsAgree() throws {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(300, 130, &random)
    let weight = SolverFixtures.weights(70, 130, &random)
    let order = Array(0..<130)
    let factor = try #require(
      ReferenceInputs.factor(SolverFixtures.hessian(of: inputs), order: order, damping: 0.01))
    let job = GPTQKernel.Job(
      weight: weight, factor: Tensor([130, 130], factor.map { Float($0) }), groupWidth: 48, bits: 4,
      symmetric: false, searchSteps: 80, searchPower: .twoPointFour)
    let highest = GPTQKernel.solve([job])[0]
    defer { KernelLevel.limit(to: .highest) }
    for level in KernelLevel.allCases where level < .highest {
      KernelLevel.limit(to: level)
      let solution = GPTQKernel.solve([job])[0]
      #expect(abs(highest.error - solution.error) <= 1e-3 * solution.error, "\(level)")
      let different = zip(highest.codes, solution.codes).count { $0 != $1 }
      #expect(different <= highest.codes.count / 50, "\(level)")
      #expect(zip(highest.scales, solution.scales).count { $0 != $1 } <= 2, "\(level)")
    }
  }
}

/// The inputs of `ReferenceSolver`, from those of the solver under test.
enum ReferenceInputs {
  static func order(_ hessian: Hessian, descending: Bool) -> [Int] {
    let diagonal = hessian.diagonal
    guard descending else { return Array(diagonal.indices) }
    return diagonal.indices.sorted {
      diagonal[$0] != diagonal[$1] ? diagonal[$0] > diagonal[$1] : $0 < $1
    }
  }

  /// U of H + damping · mean(diag H) in solving order.
  static func factor(_ hessian: Hessian, order: [Int], damping: Double) -> [Double]? {
    let n = order.count
    var mean = 0.0
    for value in hessian.diagonal { mean += Double(value) / Double(n) }
    var h = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n { h[i * n + j] = Double(hessian.matrix[order[i], order[j]]) }
      h[i * n + i] += damping * mean
    }
    return ReferenceSolver.inverseUpperFactor(h, n)
  }

  static func row(_ weight: Tensor, _ row: Int) -> [Double] {
    (0..<weight.columns).map { Double(weight[row, $0]) }
  }
}
