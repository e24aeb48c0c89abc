import BundleFormat
import Bytes
import Numerics

extension Weight {
  /// A stored matrix as the products take it: where it lies, but for pruned values without codes,
  /// which are spread out.
  /// - Throws: `Failure(.invalidData)` where its parts contradict each other.
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
