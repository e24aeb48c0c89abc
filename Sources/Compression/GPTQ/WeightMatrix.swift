import BundleFormat
import Numerics

/// A weight matrix to compress, with its settings.
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
  /// The codes and grids; nil if the matrix isn't quantized.
  package let quantized: QuantizedTensor?
  /// [out, in], 1 = kept; nil without a sparsity.
  package let kept: [UInt8]?
  /// [out, in] f32: the decoded codes, bit for bit, or the pruned weights before storage.
  package let restored: Tensor
  package let ledger: LayerLedger
  package let events: [EventRecord]
}
