import BundleFormat
import Numerics

/// A weight matrix with its settings, as the solver takes it.
package struct WeightMatrix: Sendable {
  /// The checkpoint's key, `model.layers.0.self_attn.q_proj.weight`.
  package let name: String
  /// [out, in] f32.
  package let weight: Tensor
  package let settings: TensorSettings

  package init(name: String, weight: Tensor, settings: TensorSettings) {
    self.name = name
    self.weight = weight
    self.settings = settings
  }
}

/// A compressed weight matrix: its codes, its restored weights and its entry in the ledger.
package struct SolvedTensor: Sendable {
  /// nil where weights keep their values.
  package let quantized: QuantizedTensor?
  /// [out, in], 1 = kept; nil without a sparsity.
  package let kept: [UInt8]?
  /// [out, in] f32: exactly what the codes decode to, or the pruned weights before they are stored.
  package let restored: Tensor
  package let ledger: LayerLedger
  package let events: [EventRecord]
}
