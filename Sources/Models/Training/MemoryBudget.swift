/// How many bytes a backward pass may spend on activations kept from the forward pass.
///
/// What doesn't fit is recomputed block by block; the numbers are the same bit for bit. The
/// residual stream between blocks and the buffers of one block are always there and not counted.
package struct MemoryBudget: Sendable, Equatable {
  package let bytes: Int

  package init(bytes: Int) { self.bytes = bytes }

  /// Everything kept.
  package static let unlimited = MemoryBudget(bytes: .max)
  /// Everything recomputed.
  package static let minimal = MemoryBudget(bytes: 0)
  /// 768 MiB: all of a step of 1,056 rows on a model of 135 M parameters.
  package static let standard = MemoryBudget(bytes: 768 << 20)

  /// How many items of `size` bytes fit.
  func count(of size: Int) -> Int { size == 0 ? .max : max(0, bytes / size) }
}
