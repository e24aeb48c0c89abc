import Bytes

/// The algorithm that chooses the weights to drop and the codes of the others.
package enum CompressionMethod: String, Sendable, Hashable, CaseIterable {
  /// Second-order error feedback (arXiv 2210.17323); with a sparsity also SparseGPT's masks, with
  /// both errors fed forward in one pass.
  case gptq
  /// Second-order error feedback with pruning masks (arXiv 2301.00774); requires a sparsity.
  case sparseGPT = "sparsegpt"
  /// Pruning by |w|·‖x‖₂ within each row (arXiv 2306.11695).
  case wanda
  /// Pruning by |w| over the whole matrix, the baseline for pruning.
  case magnitude
  /// Rounding to the nearest grid point, the baseline for quantization.
  case roundToNearest = "rtn"

  /// Whether errors are fed forward to later columns.
  package var feedsErrorsForward: Bool { self == .gptq || self == .sparseGPT }
  /// Whether the method depends on statistics of the layer's input.
  package var needsStatistics: Bool { feedsErrorsForward || self == .wanda }
}

/// The compression settings of one weight matrix.
package struct TensorSettings: Sendable, Hashable {
  package var method: CompressionMethod
  package var grid: GridSettings
  /// Whether columns are solved by descending mean square of their input, so that many later
  /// columns can compensate for the errors of important ones.
  package var actOrder: Bool
  /// Whether all grids are fitted to the original weights before the first column is solved.
  package var staticGroups: Bool
  /// The damping added to H's diagonal, as a share of its mean, 0...1.
  package var damping: Double
  package var sparsity: Sparsity
  /// Conjugate-gradient steps that adjust the kept weights to compensate for the dropped ones,
  /// after the mask is chosen and before quantization. 0...1000; above 0 only with a sparsity.
  package var repairSteps: Int
  /// The correction for drift of the layer's input; nil for none.
  package var drift: DriftCorrection?
  /// The share of a column's distance from its original value, caused by other columns' errors,
  /// that is undone before the column is rounded and isn't fed forward (FOEM, arXiv 2507.11017).
  /// 0...1; above 0 only with error feedback.
  package var firstOrder: Double
  /// The number format of weights that are pruned only; nil if they are quantized.
  package var values: DenseStorage?

  /// Settings that leave a matrix unchanged.
  package static let untouched = TensorSettings(values: .asSource)

  /// Whether weights become codes rather than keep their values.
  package var quantizes: Bool { values == nil }
  /// Whether codes are found in a second pass, after masks and repair. Columns are then pruned in
  /// their original order and quantized in `actOrder`.
  package var prunesFirst: Bool { quantizes && repairSteps > 0 }
  /// Whether the matrix is pruned or quantized.
  package var compresses: Bool { quantizes || sparsity != .none }
  /// Whether the settings need statistics of the layer's input.
  package var needsStatistics: Bool {
    compresses
      && (method.needsStatistics || (quantizes && grid.rangeSearch == .weighted) || drift != nil
        || repairSteps > 0)
  }

  /// - Parameters:
  ///   - grid: nil for the grid that measured best, 4 bits in groups of 64.
  ///   - actOrder: nil for the default, which measured best: on, except for pruning alone.
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

  /// The default of `actOrder`, which measured best: on, except for pruning alone.
  var usualActOrder: Bool { sparsity == .none || values == nil }

  /// The default of `repairSteps`. Repair was worse in no measurement, with masks of any method:
  /// SmolLM2 at 50 % with Wanda's mask has a C4 perplexity of 67 instead of 82.
  var usualRepairSteps: Int { sparsity == .none ? 0 : 20 }

  /// The default of `grid.rangeSearch`.
  var usualRange: RangeSearch { .measuredBest(for: method, bits: grid.bits) }

  /// The default of `drift` in recipes, which measured best on SmolLM2: at 3 bits 49.1 on C4
  /// instead of 56.6 without a correction and 50.9 with QEP. Baselines stay uncorrected.
  var usualDrift: DriftCorrection? { method.feedsErrorsForward ? DriftCorrection(.block) : nil }
}
