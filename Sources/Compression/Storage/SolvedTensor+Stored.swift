import BundleFormat
import Bytes

extension SolvedTensor {
  /// The matrix as the container holds it, in the smallest of the forms that fit: codes for all
  /// weights, or for the survivors only beside a bitmask or, where an n:m pattern was kept, beside the
  /// survivor index. Of equally small ones the first. Survivors are stored with their rows
  /// interleaved where the shape allows it: no byte more, and faster to multiply with.
  package func stored() throws(Failure) -> StoredTensor {
    guard let quantized else { return try storedValues() }
    let dense = try quantized.stored()
    guard let kept else { return dense }
    var smallest = dense
    for mask in masks(kept) {
      let candidate = try quantized.stored(keeping: kept, mask: mask)
      if candidate.bytes < smallest.bytes { smallest = candidate }
    }
    return try smallest.withInterleavedRows() ?? smallest
  }

  /// Pruned only: the survivors' values, or all of them where that is smaller.
  private func storedValues() throws(Failure) -> StoredTensor {
    let layout = ledger.settings.values ?? .f16
    let name = ledger.tensor
    let all = restored.values
    var smallest = try StoredTensor.dense(
      name: name, shape: restored.shape, format: layout.format,
      values: ByteSlice(try layout.encode(all, name)))
    guard let kept else { return smallest }
    var survivors: [Float] = []
    survivors.reserveCapacity(all.count)
    for i in all.indices where kept[i] != 0 { survivors.append(all[i]) }
    let bytes = ByteSlice(try layout.encode(survivors, name))
    for mask in masks(kept) {
      let candidate = try StoredTensor.dense(
        name: name, shape: restored.shape, format: layout.format, values: bytes, mask: mask)
      if candidate.bytes < smallest.bytes { smallest = candidate }
    }
    return smallest
  }

  private func masks(_ kept: [UInt8]) -> [StoredTensor.Mask] {
    let (rows, columns) = (restored.rows, restored.columns)
    let flags = kept.map { $0 != 0 }
    let bits = Bitmask.pack(flags, rows: rows, columns: columns)
    var masks: [StoredTensor.Mask] = []
    if case .pattern(let count, let of) = ledger.settings.sparsity,
      let pattern = NMPattern(kept: count, of: of),
      let index = pattern.pack(flags, rows: rows, columns: columns)
    {
      masks.append(.nm(pattern, ByteSlice(index)))
    }
    return masks + [.bitmask(ByteSlice(bits))]
  }
}

extension StoredTensor {
  /// Bytes of all parts.
  var bytes: Int {
    [codes, scales, zeros, mask, index, dense].reduce(0) { $0 + ($1?.count ?? 0) }
  }
}
