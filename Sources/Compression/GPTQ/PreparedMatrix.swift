import BundleFormat
import Bytes
import Numerics

/// A checked weight matrix with its kernel job, which turns the kernel's solution into a
/// `SolvedTensor`.
struct PreparedMatrix {
  let matrix: WeightMatrix
  /// The weights to compress, [out, in]: the original ones, or those corrected for drift.
  let target: Tensor
  let factor: FactoredHessian?
  /// The factor for a second pass that quantizes; nil without such a pass.
  let quantizing: FactoredHessian?
  let job: GPTQKernel.Job
  /// λ as a share of the mean of H's diagonal, and λ itself; 0 without error feedback and repair.
  let damping: (share: Double, value: Double)
  /// Columns whose input is always 0, and whose weights become 0. Empty without error feedback and
  /// repair.
  private let deadColumns: [Int]
  private let moved: DriftMap.Moved?
  private let groupWidth: Int
  private let scaleExponent: Int

  /// - Parameters:
  ///   - target: nil for the original weights.
  ///   - checked: H's diagonal, for repair without a factor.
  ///   - diagonal: H_cc by column, for Wanda and the weighted range search.
  init(
    _ matrix: WeightMatrix, target: DriftMap.Corrected? = nil, factor: FactoredHessian?,
    quantizing: FactoredHessian? = nil, checked: HessianDiagonal? = nil,
    diagonal: [Float]?
  ) throws(Failure) {
    let settings = matrix.settings
    let grid = settings.grid
    let columns = matrix.weight.columns
    self.matrix = matrix
    self.factor = factor
    self.quantizing = quantizing
    self.groupWidth = settings.quantizes ? grid.groupWidth(columns: columns) : columns

    if let factor {
      damping = (factor.dampingShare, factor.damping)
      deadColumns = factor.deadColumns
    } else if settings.repairSteps > 0, let checked {
      damping = (settings.damping, settings.damping * checked.liveMean)
      deadColumns = checked.deadColumns
    } else {
      damping = (0, 0)
      deadColumns = []
    }
    self.target = target?.weights ?? matrix.weight
    moved = target?.moved
    var weight = self.target
    if !deadColumns.isEmpty {
      weight = weight.copy()
      for row in 0..<weight.rows { for column in deadColumns { weight[row, column] = 0 } }
    }
    guard
      let exponent = settings.quantizes
        ? ScaleExponent.choose(weights: weight, groupWidth: groupWidth, grid: grid) : 0
    else {
      throw Failure(
        .invalidData, at: matrix.name, "its weights are too large for any scale that can be stored",
        advice: "the checkpoint is damaged; fetch it again")
    }
    self.scaleExponent = exponent
    self.job = GPTQKernel.Job(
      weight: weight, factor: factor?.factor, order: factor?.order,
      importance: grid.rangeSearch == .weighted ? Self.normalized(diagonal) : nil,
      pruning: PruningMask.of(weight, settings, diagonal: diagonal), groupWidth: groupWidth,
      bits: settings.quantizes ? grid.bits : nil, symmetric: grid.symmetric,
      // A single group per row starts at the first column, before any error is fed forward.
      staticGroups: settings.staticGroups || groupWidth == columns || factor == nil,
      searchSteps: grid.rangeSearch == .full ? 0 : GridSettings.searchSteps,
      searchPower: grid.rangeSearch == .clipped ? .twoPointFour : .two,
      scaleExponent: scaleExponent,
      firstOrder: factor == nil ? 0 : Float(settings.firstOrder))
  }

  /// The diagonal scaled to a mean of 1, so that products with it neither underflow nor overflow.
  private static func normalized(_ diagonal: [Float]?) -> [Float]? {
    guard let diagonal, !diagonal.isEmpty else { return nil }
    var sum = 0.0
    for value in diagonal { sum += Double(value) }
    guard sum > 0 else { return nil }
    let scale = Double(diagonal.count) / sum
    return diagonal.map { Float(Double($0) * scale) }
  }

  /// The compressed matrix with its ledger entry and events.
  ///
  /// - Throws: `Failure(.invalidData)` if the weights overflowed while errors were fed forward.
  func finish(_ solution: GPTQKernel.Solution, hessian: Hessian?) throws(Failure) -> SolvedTensor {
    let name = matrix.name
    guard solution.error.isFinite else {
      throw Failure(
        .invalidData, at: name, "its weights overflowed float32 while errors were fed forward",
        advice: "raise the damping")
    }
    let grid = matrix.settings.grid
    var quantized: QuantizedTensor?
    if matrix.settings.quantizes {
      quantized = QuantizedTensor(
        name: name, rows: matrix.weight.rows, columns: matrix.weight.columns, bits: grid.bits,
        groupWidth: groupWidth, symmetric: grid.symmetric, scaleExponent: scaleExponent,
        codes: solution.codes, scales: solution.scales, zeros: solution.zeros)
    }
    let errors = hessian.map {
      OutputErrors(
        of: solution.restored, target: target, original: matrix.weight, moved: moved, hessian: $0)
    }
    let ledger = LayerLedger(
      tensor: name, settings: matrix.settings, groupWidth: groupWidth,
      sparsity: solution.kept.map { kept in
        1 - Double(kept.reduce(into: 0) { $0 += Int($1) }) / Double(kept.count)
      },
      solverError: solution.error,
      relativeOutputError: errors?.relative,
      driftShift: matrix.settings.drift == nil ? nil : errors?.shift,
      damping: damping.share, dampingRetries: factor?.retries ?? 0,
      deadColumns: deadColumns.count,
      clippedShare: Double(solution.clipped) / Double(matrix.weight.count))
    return SolvedTensor(
      quantized: quantized, kept: solution.kept, restored: solution.restored, ledger: ledger,
      events: events)
  }

  private var events: [EventRecord] {
    let name = matrix.name
    var events: [EventRecord] = []
    if let factor, factor.retries > 0 {
      events.append(.dampingRaised(name, share: factor.dampingShare, retries: factor.retries))
    }
    if !deadColumns.isEmpty { events.append(.deadColumns(name, count: deadColumns.count)) }
    if scaleExponent != 0 { events.append(.scaleExponent(name, scaleExponent)) }
    return events
  }
}
