import Bytes

/// One layer's entry in the bundle's ledger: its settings and errors. It has no times, so that
/// equal inputs give equal entries.
package struct LayerLedger: Sendable, Equatable {
  package let tensor: String
  /// The settings of the recipe.
  package let settings: TensorSettings
  /// Columns per group.
  package let groupWidth: Int
  /// The share of weights that were dropped; nil without a sparsity.
  package let sparsity: Double?
  /// With error feedback Σ ((w − q) / U_ii)², the damped objective; otherwise Σ (w − q)².
  package let solverError: Double
  /// tr(ΔW H ΔWᵀ) / tr(W H Wᵀ), the share of the output's energy that became error, where W
  /// includes the correction for drift; nil without H.
  package let relativeOutputError: Double?
  /// tr(ΔW H ΔWᵀ) / tr(W H Wᵀ) for the step from the original weights W to the corrected ones; nil
  /// without a correction for drift.
  package let driftShift: Double?
  /// The damping λ that was used, as a share of the mean of H's diagonal.
  package let damping: Double
  /// The number of times that the damping was raised.
  package let dampingRetries: Int
  /// Columns whose input is 0 in the whole calibration text.
  package let deadColumns: Int
  /// The share of weights that are more than half a step outside their grid.
  package let clippedShare: Double

  /// The entry as the bundle stores it.
  package var json: JSON {
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
