import Bundle
import Numerics

/// A weight matrix with its settings, as the solver takes it.
public struct WeightMatrix: Sendable {
  /// The checkpoint's key, `model.layers.0.self_attn.q_proj.weight`.
  public let name: String
  /// [out, in] f32.
  public let weight: Tensor
  public let settings: TensorSettings

  public init(name: String, weight: Tensor, settings: TensorSettings) {
    self.name = name
    self.weight = weight
    self.settings = settings
  }
}

/// A compressed weight matrix: its codes, its restored weights and its entry in the ledger.
public struct SolvedTensor: Sendable {
  /// nil where weights keep their values.
  public let quantized: QuantizedTensor?
  /// [out, in], 1 = kept; nil without a sparsity.
  public let kept: [UInt8]?
  /// [out, in] f32: exactly what the codes decode to, or the pruned weights before they are stored.
  public let restored: Tensor
  public let ledger: LayerLedger
  public let events: [EventRecord]
}
