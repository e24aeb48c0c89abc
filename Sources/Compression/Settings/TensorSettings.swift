import Bytes

/// What decides which weights are dropped, and what the others become.
package enum CompressionMethod: String, Sendable, Hashable, CaseIterable {
  /// Second-order error feedback (arXiv 2210.17323); with a sparsity also SparseGPT's masks, both
  /// errors fed forward in one pass.
  case gptq
  /// The same with a sparsity (arXiv 2301.00774).
  case sparseGPT = "sparsegpt"
  /// Drops by |w|·‖x‖₂ within each row (arXiv 2306.11695).
  case wanda
  /// Drops by |w| within the matrix: the baseline of pruning.
  case magnitude
  /// Each weight to the nearest point of the same grid: the baseline of quantizing.
  case roundToNearest = "rtn"

  /// Whether errors are fed forward to the columns that are still to come.
  package var feedsErrorsForward: Bool { self == .gptq || self == .sparseGPT }
  /// Whether its choices ask what the layer's inputs look like.
  package var needsStatistics: Bool { feedsErrorsForward || self == .wanda }
}

/// Everything that a recipe decides about one weight matrix.
package struct TensorSettings: Sendable, Hashable {
  package var method: CompressionMethod
  package var grid: GridSettings
  /// Columns are solved by descending mean square of their input, the important ones while there is
  /// still freedom left to repair their errors.
  package var actOrder: Bool
  /// All grids are fitted to the original weights before the first column is solved.
  package var staticGroups: Bool
  /// Added to H's diagonal, as a share of its mean. 0...1.
  package var damping: Double
  package var sparsity: Sparsity
  /// Steps of conjugate gradients that move all kept weights to where they make up best for the dropped
  /// ones, once the mask is known; before quantizing. 0...1000, above 0 with a sparsity only.
  package var repairSteps: Int
  /// How the layer makes up for the drift of its input; nil: not at all.
  package var drift: DriftCorrection?
  /// The share of a column's distance from its original value, gained by other columns' errors, that is
  /// taken back when its turn comes and left out of what is fed forward (FOEM, arXiv 2507.11017).
  /// 0...1, above 0 with error feedback only.
  package var firstOrder: Double
  /// How weights are stored that keep their values; nil where they are quantized.
  package var values: DenseStorage?

  /// The matrix stays what it was.
  package static let untouched = TensorSettings(values: .asSource)

  package var quantizes: Bool { values == nil }
  /// Masks and repairs come first, and the codes in a pass of their own: columns are then quantized in
  /// `actOrder`, but pruned as they stand.
  package var prunesFirst: Bool { quantizes && repairSteps > 0 }
  /// Whether anything is done at all.
  package var compresses: Bool { quantizes || sparsity != .none }
  package var needsStatistics: Bool {
    compresses
      && (method.needsStatistics || (quantizes && grid.rangeSearch == .weighted) || drift != nil
        || repairSteps > 0)
  }

  /// - Parameters:
  ///   - grid: nil for the one that measured best, 4 bits in groups of 64.
  ///   - actOrder: nil for what measured best: on, but not for pruning alone.
  package init(
    method: CompressionMethod = .gptq, grid: GridSettings? = nil, actOrder: Bool? = nil,
    staticGroups: Bool = true, damping: Double = 0.01, sparsity: Sparsity = .none,
    repairSteps: Int? = nil, drift: DriftCorrection? = nil, firstOrder: Double = 0,
    values: DenseStorage? = nil
  ) {
    self.method = method
    self.grid = grid ?? GridSettings(rangeSearch: .measuredBest(for: method, bits: 4))
    self.actOrder = actOrder ?? false
    self.staticGroups = staticGroups
    self.damping = damping
    self.sparsity = sparsity
    self.repairSteps = repairSteps ?? 0
    self.drift = drift
    self.firstOrder = firstOrder
    self.values = values
    if actOrder == nil { self.actOrder = usualActOrder }
    if repairSteps == nil { self.repairSteps = usualRepairSteps }
  }

  /// The default of `actOrder`, which measured best: on, but not for pruning alone.
  var usualActOrder: Bool { sparsity == .none || values == nil }

  /// The default of `repairSteps`. In no measurement worse than none, whatever chose the mask: SmolLM2 at
  /// 50 % has a perplexity of 67 on C4 instead of 82 with Wanda's.
  var usualRepairSteps: Int { sparsity == .none ? 0 : 20 }

  /// The default of `grid.rangeSearch`.
  var usualRange: RangeSearch { .measuredBest(for: method, bits: grid.bits) }

  /// The default of `drift` in recipes, which measured best on SmolLM2: at 3 bits 49.1 on C4 instead of 56.6
  /// without a correction and 50.9 with QEP. Baselines stay what they are.
  var usualDrift: DriftCorrection? { method.feedsErrorsForward ? DriftCorrection(.block) : nil }
}
