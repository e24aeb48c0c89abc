import Bytes

/// What became of one weight matrix, in numbers. Equal inputs give equal ledgers; times are kept
/// apart.
public struct LayerLedger: Sendable, Equatable {
  public let tensor: String
  /// What was asked for.
  public let settings: TensorSettings
  public let groupWidth: Int
  /// The share of weights that were dropped; nil where none was asked for.
  public let sparsity: Double?
  /// With error feedback Σ ((w − q) / U_ii)², the damped objective; otherwise Σ (w − q)².
  public let solverError: Double
  /// tr(ΔW H ΔWᵀ) / tr(W H Wᵀ): the share of the output's energy that became error, of the weights that
  /// were to be compressed, a correction for drift included. nil without H.
  public let relativeOutputError: Double?
  /// The same for the step from the original weights to the corrected ones; nil without a correction.
  public let driftShift: Double?
  /// λ / mean of H's diagonal as used, and how often it was raised.
  public let damping: Double
  public let dampingRetries: Int
  public let deadColumns: Int
  /// Weights more than half a step outside their grid, as a share of all.
  public let clippedShare: Double

  public var json: JSON {
    var entry: JSONObject = [
      "tensor": .string(tensor), "method": .string(settings.method.rawValue),
      "solverError": .number(solverError),
    ]
    if settings.quantizes {
      entry["bits"] = JSON(settings.grid.bits)
      entry["group"] = JSON(groupWidth)
      entry["clippedShare"] = .number(clippedShare)
    }
    if let sparsity {
      entry["sparsity"] = .number(sparsity)
      if case .pattern = settings.sparsity { entry["pattern"] = .string(settings.sparsity.label) }
    }
    if let relativeOutputError { entry["relativeOutputError"] = .number(relativeOutputError) }
    if let drift = settings.drift {
      entry["drift"] = .string(drift.method.rawValue)
      entry["driftStrength"] = .number(drift.strength)
      if let driftShift { entry["driftShift"] = .number(driftShift) }
    }
    if settings.firstOrder > 0 { entry["firstOrder"] = .number(settings.firstOrder) }
    if settings.repairSteps > 0 { entry["repairSteps"] = JSON(settings.repairSteps) }
    if settings.method.feedsErrorsForward || settings.repairSteps > 0 {
      entry["damping"] = .number(damping)
      entry["dampingRetries"] = JSON(dampingRetries)
      entry["deadColumns"] = JSON(deadColumns)
    }
    return .object(entry)
  }
}
