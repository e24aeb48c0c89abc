import BundleFormat
import Bytes
import Numerics

extension PackedMatrix {
  /// A stored matrix as the kernels take it.
  /// - Throws: `Failure(.invalidData)` for a tensor that isn't packed.
  package init(_ stored: StoredTensor) throws(Failure) {
    let descriptor = stored.descriptor
    guard let codes = stored.codes, let scales = stored.scales else {
      throw Failure(.invalidData, at: descriptor.name, "is stored dense, not packed")
    }
    try self.init(
      rows: descriptor.rows, columns: descriptor.columns, bits: descriptor.bits,
      groupSize: descriptor.groupSize, codes: codes, scales: scales, zeros: stored.zeros,
      mask: stored.mask, index: stored.survivorIndex, scaleExponent: descriptor.scaleExponent,
      interleaved: descriptor.interleaved)
  }
}

extension StoredTensor {
  fileprivate var survivorIndex: SurvivorIndex? {
    guard case .nm(let pattern)? = descriptor.sparsity, let index else { return nil }
    return SurvivorIndex(pattern, ranks: index)
  }
}
