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
