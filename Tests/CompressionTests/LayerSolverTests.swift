import Bytes
import Compression
import Numerics
import TestSupport
import Testing

@Suite struct LayerSolverTests {
  private func solve(
    _ weight: Tensor, _ settings: TensorSettings, _ hessian: Hessian?
  ) throws -> SolvedTensor {
    try LayerSolver.solve(
      [WeightMatrix(name: "w", weight: weight, settings: settings)], hessian: hessian)[0]
  }

  private func rounding(_ settings: TensorSettings) -> TensorSettings {
    var settings = settings
    settings.method = .roundToNearest
    return settings
  }

  private static let searches: [RangeSearch] = [.full, .clipped]

  @Test(arguments: searches, [true, false])
  func identityHessianIsRoundToNearest(search: RangeSearch, symmetric: Bool) throws {
    var random = TestRandom()
    let weight = SolverFixtures.weights(67, 130, &random)
    let identity = Tensor([130, 130])
    for i in 0..<130 { identity[i, i] = 1 }
    let settings = TensorSettings(
      grid: GridSettings(
        bits: 3, group: .columns(48), symmetric: symmetric, rangeSearch: search))
    let solved = try solve(weight, settings, Hessian(matrix: identity, samples: 1))
    let rounded = try solve(weight, rounding(settings), nil)
    #expect(solved.quantized == rounded.quantized)
    #expect(solved.restored.values == rounded.restored.values)
  }

  /// An outcome on a fixture with correlated inputs: error feedback leaves less than 0.6 of the
  /// error of rounding.
  @Test(arguments: [2, 3, 4, 8]) func errorFeedbackBeatsRounding(bits: Int) throws {
    var random = TestRandom(fixture: 21)
    let inputs = SolverFixtures.inputs(400, 96, &random)
    let weight = SolverFixtures.weights(48, 96, &random)
    let hessian = SolverFixtures.hessian(of: inputs)
    let settings = TensorSettings(grid: GridSettings(bits: bits, group: .columns(32)))
    let solved = try solve(weight, settings, hessian)
    let rounded = try solve(weight, rounding(settings), hessian)
    let error = SolverFixtures.outputError(weight, solved.restored, inputs)
    let baseline = SolverFixtures.outputError(weight, rounded.restored, inputs)
    #expect(error < 0.6 * baseline, "\(error) against \(baseline)")
    let (a, b) = (solved.ledger.relativeOutputError ?? 9, rounded.ledger.relativeOutputError ?? 0)
    // The ledger's figures come from float32 products with H; they agree to 10⁻⁵ here.
    #expect(abs(a / b - error / baseline) < 1e-3)
  }

  @Test func deadColumnsBecomeExactlyZero() throws {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(200, 70, &random)
    let dead = [0, 31, 32, 69]
    for row in 0..<200 { for column in dead { inputs[row, column] = 0 } }
    let weight = SolverFixtures.weights(5, 70, &random)
    for symmetric in [true, false] {
      for actOrder in [true, false] {
        let settings = TensorSettings(
          grid: GridSettings(bits: 3, group: .columns(32), symmetric: symmetric), actOrder: actOrder
        )
        let solved = try solve(weight, settings, SolverFixtures.hessian(of: inputs))
        for row in 0..<5 {
          for column in 0..<70 where dead.contains(column) {
            #expect(solved.restored[row, column] == 0)
          }
          // The largest weight of a row is more than half a step from 0 on any grid of 3 bits.
          #expect((0..<70).contains { solved.restored[row, $0] != 0 })
        }
        #expect(solved.ledger.deadColumns == 4)
        #expect(solved.events.map(\.kind) == ["dead-columns"])
        #expect(solved.events.first?.detail["columns"]?.int == 4)
      }
    }
    #expect(weight[0, 0] != 0, "the caller's weights stay as they were")
  }

  @Test func singularHessianRaisesDampingAndReportsIt() throws {
    // Two equal inputs and no damping asked for.
    let singular = Tensor([2, 2], [1, 1, 1, 1])
    var settings = TensorSettings(grid: GridSettings(bits: 4, group: .row), damping: 0)
    let solved = try solve(
      Tensor([1, 2], [0.3, -0.2]), settings, Hessian(matrix: singular, samples: 1))
    #expect(solved.ledger.dampingRetries == 1)
    #expect(solved.ledger.damping == 1e-3)
    #expect(solved.events.map(\.kind) == ["damping-raised"])
    #expect(solved.events.first?.tensor == "w")
    #expect(solved.events.first?.detail["damping"]?.double == 1e-3)

    // Eigenvalues 3 and −1: 1 % is too little, 100 % is the limit, 1000 % is enough.
    settings.damping = 0.01
    let indefinite = Tensor([2, 2], [1, 2, 2, 1])
    let raised = try solve(
      Tensor([1, 2], [0.3, -0.2]), settings, Hessian(matrix: indefinite, samples: 1))
    #expect(raised.ledger.dampingRetries >= 2)
    #expect(raised.events.map(\.kind) == ["damping-raised"])
  }

  @Test(arguments: [
    TensorSettings(grid: GridSettings(bits: 4, group: .row)),
    TensorSettings(method: .wanda, sparsity: .share(0.5), repairSteps: 0, values: .f32),
  ])
  func hopelessStatisticsFail(_ settings: TensorSettings) {
    let weight = Tensor([1, 2], [0.3, -0.2])
    let cases: [([Float], String)] = [
      ([1, 1e6, 1e6, 1], "positive definite"), ([0, 0, 0, 0], "all 2 inputs are 0"),
      ([1, .nan, .nan, 1], "[0, 1]"), ([.infinity, 0, 0, 1], "[0, 0]"),
      ([-1, 0, 0, 1], "a negative mean square, -1.0"),
    ]
    // Without error feedback nothing is factored.
    for (values, finding) in cases.dropFirst(settings.method.feedsErrorsForward ? 0 : 1) {
      let hessian = Hessian(matrix: Tensor([2, 2], values), samples: 1)
      #expect(throws: Failure.self) { try solve(weight, settings, hessian) }
      do {
        _ = try solve(weight, settings, hessian)
      } catch let failure as Failure {
        #expect(failure.kind == .invalidData)
        #expect(failure.description.contains("w: "))
        #expect(failure.finding.contains(finding), "\(failure)")
      } catch {}
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func damagedWeightsAreNamed(value: Float) {
    let weight = Tensor([2, 3], [1, 2, 3, 4, value, 6])
    let settings = TensorSettings(
      method: .roundToNearest, grid: GridSettings(bits: 4, group: .row))
    #expect {
      try solve(weight, settings, nil)
    } throws: {
      let failure = $0 as? Failure
      return failure?.kind == .invalidData && failure?.place == "w"
        && failure?.finding.contains("[1, 1]") == true
    }
  }

  @Test func lastGroupMayBeShort() throws {
    var random = TestRandom(fixture: 22)
    let inputs = SolverFixtures.inputs(300, 100, &random)
    let weight = SolverFixtures.weights(3, 100, &random)
    // The short group holds larger weights, which only a grid of its own can reach.
    for row in 0..<3 { for c in 64..<100 { weight[row, c] *= 50 } }
    let settings = TensorSettings(grid: GridSettings(bits: 8, group: .columns(64)))
    let solved = try solve(weight, settings, SolverFixtures.hessian(of: inputs))
    #expect(solved.quantized!.groups == 2)
    #expect(solved.quantized!.scales.count == 6)
    for row in 0..<3 {
      let small = Float(Float16(bitPattern: solved.quantized!.scales[row * 2]))
      let large = Float(Float16(bitPattern: solved.quantized!.scales[row * 2 + 1]))
      // 50 times, but for the ranges of 64 and of 36 normally distributed weights.
      #expect(large > 10 * small)
    }
    // An outcome at 8 bits: a grid of the wrong group would leave errors near 1.
    #expect((solved.ledger.relativeOutputError ?? 1) < 1e-3)
  }

  /// Weights of any magnitude keep their relative precision: the exponent brings their scales into
  /// f16's range.
  @Test(arguments: [1e-9, 1e-6, 1e6, 1e9], [true, false])
  func extremeMagnitudes(magnitude: Double, symmetric: Bool) throws {
    var random = TestRandom(fixture: 23)
    let inputs = SolverFixtures.inputs(100, 40, &random)
    let plain = SolverFixtures.weights(6, 40, scale: 1, &random)
    let weight = Tensor([6, 40], plain.values.map { $0 * Float(magnitude) })
    let settings = TensorSettings(
      grid: GridSettings(bits: 4, group: .columns(16), symmetric: symmetric))
    let hessian = SolverFixtures.hessian(of: inputs)
    let ordinary = try solve(plain, settings, hessian)
    let extreme = try solve(weight, settings, hessian)
    #expect(ordinary.quantized!.scaleExponent == 0)
    #expect(ordinary.events.isEmpty)
    let exponent = extreme.quantized!.scaleExponent
    #expect(magnitude < 1 ? exponent < 0 : exponent > 0)
    #expect(extreme.events.map(\.kind) == ["scale-exponent"])
    #expect(extreme.events.first?.detail["exponent"]?.int == exponent)
    let (a, b) = (
      ordinary.ledger.relativeOutputError ?? 0, extreme.ledger.relativeOutputError ?? 1
    )
    // An outcome: scales that are rounded elsewhere change codes, but hardly the error.
    #expect(abs(a - b) < 0.2 * a, "\(b) at \(magnitude), \(a) at 1")
    for bits in extreme.quantized!.scales { #expect(Float16(bitPattern: bits).isNormal) }
  }

  @Test func resultsDontDependOnThreads() throws {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(300, 130, &random)
    let matrices = [200, 65, 1].map {
      WeightMatrix(
        name: "w\($0)", weight: SolverFixtures.weights($0, 130, &random),
        settings: TensorSettings(grid: GridSettings(bits: 3, rangeSearch: .clipped)))
    }
    let hessian = SolverFixtures.hessian(of: inputs)
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    var results: [[SolvedTensor]] = []
    for count in [1, 2, 5] {
      Parallel.threads = count
      results.append(try LayerSolver.solve(matrices, hessian: hessian))
    }
    for other in results.dropFirst() {
      for (a, b) in zip(results[0], other) {
        #expect(a.quantized == b.quantized)
        #expect(a.ledger == b.ledger)
        #expect(a.restored.values == b.restored.values)
      }
    }
    // Solving matrices together or alone gives the same result, too.
    let alone = try LayerSolver.solve([matrices[1]], hessian: hessian)[0]
    #expect(alone.quantized == results[0][1].quantized)
  }

  /// Four parts of 90 rows in all: a term is rounded as a product, in at most 90 additions, and in
  /// three products for each part (2/N, N₁/N and their rounded quotients among them).
  @Test func hessianIsARunningMean() {
    var random = TestRandom()
    let inputs = SolverFixtures.inputs(90, 17, &random)
    var parts = Hessian(columns: 17)
    for range in [0..<1, 1..<40, 40..<40, 40..<90] { parts.add(inputs.rows(range)) }
    #expect(parts.samples == 90)
    for i in 0..<17 {
      for j in 0..<17 {
        var (expected, size) = (0.0, 0.0)
        for row in 0..<90 {
          let term = 2 * Double(inputs[row, i]) * Double(inputs[row, j]) / 90
          expected += term
          size += abs(term)
        }
        let bound = Rounding.gamma(1 + 90 + 4 * 3) * size
        #expect(abs(Double(parts.matrix[i, j]) - expected) <= bound, "\(random.note)")
      }
    }
  }
}
