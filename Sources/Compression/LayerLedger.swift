import Bytes

/// What became of one weight matrix, in numbers. Equal inputs give equal ledgers; times are kept
/// apart.
public struct LayerLedger: Sendable, Equatable {
  public let tensor: String
  public let method: CompressionMethod
  public let bits: Int
  public let groupWidth: Int
  /// GPTQ: Σ ((w − q) / U_ii)², the damped objective. Round to nearest: Σ (w − q)².
  public let solverError: Double
  /// tr(ΔW H ΔWᵀ) / tr(W H Wᵀ): the share of the output's energy that became error. nil without H.
  public let relativeOutputError: Double?
  /// λ / mean of H's diagonal as used, and how often it was raised.
  public let damping: Double
  public let dampingRetries: Int
  public let deadColumns: Int
  /// Weights more than half a step outside their grid, as a share of all.
  public let clippedShare: Double

  public var json: JSON {
    var entry: JSONObject = [
      "tensor": .string(tensor), "method": .string(method.rawValue), "bits": JSON(bits),
      "group": JSON(groupWidth), "solverError": .number(solverError),
      "clippedShare": .number(clippedShare),
    ]
    if let relativeOutputError { entry["relativeOutputError"] = .number(relativeOutputError) }
    if method == .gptq {
      entry["damping"] = .number(damping)
      entry["dampingRetries"] = JSON(dampingRetries)
      entry["deadColumns"] = JSON(deadColumns)
    }
    return .object(entry)
  }
}
