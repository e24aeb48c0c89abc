/// Memory for the activations that a backward pass keeps from the forward pass, in bytes.
///
/// Activations that don't fit are recomputed block by block, with bit-identical results. The
/// residual stream between blocks and the buffers of one block are always allocated and not
/// counted.
package struct MemoryBudget: Sendable, Equatable {
  package let bytes: Int

  package init(bytes: Int) { self.bytes = bytes }

  /// A budget that keeps all activations.
  package static let unlimited = MemoryBudget(bytes: .max)
  /// A budget that keeps no activations.
  package static let minimal = MemoryBudget(bytes: 0)
  /// 768 MiB: enough for all activations of a step of 1,056 rows on a model of 135 M parameters.
  package static let standard = MemoryBudget(bytes: 768 << 20)

  /// The number of items of `size` bytes that fit.
  func count(of size: Int) -> Int { size == 0 ? .max : max(0, bytes / size) }
}
