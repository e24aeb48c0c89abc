import BundleFormat
import Bytes

extension SolvedTensor {
  /// The matrix in the smallest of the container's layouts: codes for all weights, or codes for the
  /// kept weights with a survivor index (n:m patterns only) or a bitmask. Ties go to the first of
  /// these. Rows of kept weights are interleaved if the shape allows it, which takes no extra bytes
  /// and multiplies faster.
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

  /// The values of a matrix that is pruned but not quantized: those of the kept weights, or all of
  /// them if that is smaller.
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
  /// The total size of all parts in bytes.
  var bytes: Int {
    [codes, scales, zeros, mask, index, dense].reduce(0) { $0 + ($1?.count ?? 0) }
  }
}
