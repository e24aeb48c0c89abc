import BundleFormat
import Bytes
import Numerics

extension Weight {
  /// A stored matrix in the form that products use: a view of its bytes, except that a pruned
  /// matrix of plain floats is expanded to all its elements.
  /// - Throws: `invalidData` if its parts contradict each other.
  package init(_ stored: StoredTensor) throws(Failure) {
    let descriptor = stored.descriptor
    if descriptor.isPacked {
      self = try .packed(PackedMatrix(stored))
      return
    }
    let (rows, columns) = (descriptor.rows, descriptor.columns)
    guard let values = try stored.spreadValues(), let format = descriptor.layout.floatFormat else {
      self = .dense(Tensor([rows, columns], try stored.dequantized()))
      return
    }
    self =
      format == .float32
      ? .dense(Tensor(mapping: values, shape: [rows, columns]))
      : .stored(format, values, rows: rows, columns: columns)
  }
}

extension PackedMatrix {
  /// A view of a stored packed matrix.
  /// - Throws: `invalidData` for a tensor that isn't packed.
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
