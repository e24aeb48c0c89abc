import BundleFormat
import Bytes
import Numerics

extension Weight {
  /// A stored matrix as products take it: a view of its bytes, except that pruned values without codes
  /// are spread out.
  /// - Throws: `Failure(.invalidData)` where its parts contradict each other.
  package init(_ stored: StoredTensor) throws(Failure) {
    let descriptor = stored.descriptor
    if descriptor.isPacked {
      self = try .packed(PackedMatrix(stored))
      return
    }
    let (rows, columns) = (descriptor.rows, descriptor.columns)
    if let values = try stored.spreadValues() {
      switch descriptor.layout {
      case .f16:
        self = .half(.f16, values, rows: rows, columns: columns)
        return
      case .bf16:
        self = .half(.bf16, values, rows: rows, columns: columns)
        return
      case .f32:
        self = .dense(Tensor(mapping: values, shape: [rows, columns]))
        return
      default: break
      }
    }
    self = .dense(Tensor([rows, columns], try stored.dequantized()))
  }
}

extension PackedMatrix {
  /// A view of a stored packed matrix.
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
