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
      mask: stored.mask, kept: stored.keptRanks, scaleExponent: descriptor.scaleExponent,
      interleaved: descriptor.interleaved)
  }
}

extension StoredTensor {
  fileprivate var keptRanks: KeptRanks? {
    guard case .nm(let kept)? = descriptor.sparsity, let index else { return nil }
    return KeptRanks(count: kept.kept, of: kept.of, ranks: index)
  }
}
