import Bytes
import CKernels
import Numerics

/// The column loop of GPTQ, SparseGPT and round-to-nearest over whole weight matrices.
///
/// Tiles of 64 rows of all matrices run in parallel: through all columns if rows are independent,
/// one block of columns at a time if masks are chosen over all rows. Sums are added in tile order,
/// so that results don't depend on the number of threads.
package enum GPTQKernel {
  /// The exponent p of Σ|error|^p in the range search.
  package enum SearchPower: Sendable {
    case two
    case twoPointFour
  }

  /// The rule that selects the weights to drop. Dropped weights become exactly 0, and their error
  /// is fed forward like any other.
  package enum Pruning: Sendable {
    case none
    /// [out, in], 1 = dropped.
    case fixed([UInt8])
    /// Drops this share of each block of 128 columns, the weights with the lowest w²/U_cc² over all
    /// rows.
    case share(Double)
    /// n:m sparsity: `kept` of every `of` neighbouring columns of a row are kept. The solving order
    /// must keep the columns of a group together.
    case pattern(kept: Int, of: Int)
  }

  /// A weight matrix, [out, in], with its factor, grid and mask.
  package struct Job: Sendable {
    package var weight: Tensor
    /// [in, in] upper U with H⁻¹ = UᵀU in solving order; nil rounds to nearest.
    package var factor: Tensor?
    /// [in] the original column at each solving position; nil for the original order.
    package var order: [Int32]?
    /// [in] weights of the errors in the range search, by original column; nil for equal weights.
    package var importance: [Float]?
    package var pruning: Pruning
    /// Columns per group, 1...in.
    package var groupWidth: Int
    /// Bits per code, 2...8; nil prunes without quantizing.
    package var bits: Int?
    /// Whether zero points are fixed at 2^(bits−1).
    package var symmetric: Bool
    /// Whether all grids are fitted to the original weights; false requires the original column
    /// order.
    package var staticGroups: Bool
    /// The number of ranges tried, 0...99: 1, 0.99, … of the full range.
    package var searchSteps: Int
    package var searchPower: SearchPower
    /// The exponent of the power of two that stored scales are multiplied by, in
    /// `StoredScale.exponents`.
    package var scaleExponent: Int
    /// The strength of FOEM's first-order term (arXiv 2507.11017), 0...1: the share of a column's
    /// distance from its original value that is undone before it is rounded. Above 0 only with a
    /// factor.
    package var firstOrder: Float

    package init(
      weight: Tensor, factor: Tensor? = nil, order: [Int32]? = nil, importance: [Float]? = nil,
      pruning: Pruning = .none, groupWidth: Int, bits: Int?, symmetric: Bool,
      staticGroups: Bool = true,
      searchSteps: Int = 0, searchPower: SearchPower = .two, scaleExponent: Int = 0,
      firstOrder: Float = 0
    ) {
      self.weight = weight
      self.factor = factor
      self.order = order
      self.importance = importance
      self.pruning = pruning
      self.groupWidth = groupWidth
      self.bits = bits
      self.symmetric = symmetric
      self.staticGroups = staticGroups
      self.searchSteps = searchSteps
      self.searchPower = searchPower
      self.scaleExponent = scaleExponent
      self.firstOrder = firstOrder
    }
  }

  /// A solved weight matrix.
  package struct Solution: Sendable {
    /// [out, in]; empty without `bits`.
    package var codes: [UInt8]
    /// [out, groups] f16 bit patterns; empty without `bits`.
    package var scales: [UInt16]
    /// [out, groups]; empty without `bits`.
    package var zeros: [UInt8]
    /// [out, in]: (code − zero) · scale · 2^scaleExponent, and 0 for dropped weights.
    package var restored: Tensor
    /// [out, in], 1 = kept; nil without pruning.
    package var kept: [UInt8]?
    /// Σ ((w − q) / U_ii)²; Σ (w − q)² without a factor.
    package var error: Double
    /// Weights more than half a step outside their grid.
    package var clipped: Int
  }

  static let tileRows = Int(CTK_GPTQ_ROWS)

  /// Solves matrices in parallel. Returns one solution per job, in order.
  package static func solve(_ jobs: [Job]) -> [Solution] {
    let running = jobs.map { GPTQRun($0) }
    forEachTile(running) { run, tile in
      run.begin(tile: tile)
      if !run.choosesOverAllRows { run.finish(tile: tile) }
    }
    var waiting = running.filter(\.choosesOverAllRows)
    for run in waiting where run.forecasts { run.forecast() }
    forEachTile(waiting) { run, tile in run.fit(tile: tile) }
    while !waiting.isEmpty {
      forEachTile(waiting) { run, tile in run.rate(tile: tile) }
      Parallel.forEach(waiting.count) { [waiting] in waiting[$0].choose() }
      forEachTile(waiting) { run, tile in run.solveBlock(tile: tile) }
      for run in waiting { run.nextBlock() }
      let done = waiting.filter(\.isDone)
      forEachTile(done) { run, tile in run.end(tile: tile) }
      waiting.removeAll(where: \.isDone)
    }
    return running.map { $0.solution() }
  }

  private static func forEachTile(
    _ runs: [GPTQRun], _ body: @Sendable (GPTQRun, Int) -> Void
  ) {
    let work = runs.indices.flatMap { run in (0..<runs[run].tiles).map { (run, $0) } }
    Parallel.forEach(work.count) { body(runs[work[$0].0], work[$0].1) }
  }
}
