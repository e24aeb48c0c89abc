import Bytes

/// Sparse packed tensors whose rows are interleaved: the same weights, every part of the same size,
/// in the order of `RowTiles`.
extension TensorDescriptor {
  /// Whether its rows can be interleaved: packed, sparse by a bitmask or by n of 4, and of a shape
  /// that suits.
  public var canBeInterleaved: Bool {
    guard isPacked, shape.count == 2,
      RowTiles.suits(rows: rows, columns: columns, groupSize: groupSize)
    else { return false }
    switch sparsity {
    case nil: return false
    case .bitmask: return true
    case .nm(let pattern): return pattern.of == RowTiles.columns
    }
  }

  /// The shape that mask, survivor index and codes are stored as: [rows / 16, 16 · columns] where
  /// rows are interleaved.
  var storedShape: (rows: Int, columns: Int) {
    interleaved ? (rows / RowTiles.rows, columns * RowTiles.rows) : (rows, columns)
  }

  /// Stored flags or codes of all weights in row-major order.
  func restored<T>(weights: [T]) -> [T] {
    guard interleaved else { return weights }
    return RowTiles.restore(weights, rows: rows, columns: columns, width: RowTiles.columns)
  }

  /// Stored values of groups in the order [rows, groups].
  func restored<T>(groups values: [T]) -> [T] {
    guard interleaved else { return values }
    return RowTiles.restore(values, rows: rows, columns: groups, width: 1)
  }
}

extension StoredTensor {
  /// The tensor with its rows interleaved; nil if it can't be
  /// (`TensorDescriptor.canBeInterleaved`).
  /// Throws `invalidData` where the mask and the number of survivors don't agree.
  public func withInterleavedRows() throws(Failure) -> StoredTensor? {
    if descriptor.interleaved { return self }
    guard descriptor.canBeInterleaved, let scales, let kept = try keptFlags() else { return nil }
    let (rows, columns, bits) = (descriptor.rows, descriptor.columns, descriptor.bits)
    let flags = RowTiles.interleave(
      kept, rows: rows, columns: columns, width: RowTiles.columns)
    let codes = RowTiles.interleave(
      Self.spread(try unpackedCodes(), kept), rows: rows, columns: columns, width: RowTiles.columns)
    var tensor = self
    tensor.descriptor.interleaved = true
    tensor.codes = ByteSlice(Planar.pack(Self.survivors(codes, flags), bits: bits))
    let factors = RowTiles.interleave(
      scales.words(UInt16.self), rows: rows, columns: descriptor.groups, width: 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * factors.count)
    for factor in factors { bytes.append(littleEndian: factor) }
    tensor.scales = ByteSlice(bytes)
    if zeros != nil {
      let points = RowTiles.interleave(
        unpackedZeros(), rows: rows, columns: descriptor.groups, width: 1)
      tensor.zeros = ByteSlice(Planar.pack(points, bits: bits))
    }
    let stored = tensor.descriptor.storedShape
    switch descriptor.sparsity {
    case nil: return nil
    case .bitmask:
      tensor.mask = ByteSlice(Bitmask.pack(flags, rows: stored.rows, columns: stored.columns))
    case .nm(let pattern):
      tensor.index = pattern.pack(flags, rows: stored.rows, columns: stored.columns)
        .map { ByteSlice($0) }
    }
    try tensor.validateSizes()
    return tensor
  }

  /// The codes of all weights: survivors where their flags are set, and 0 elsewhere.
  static func spread(_ survivors: [UInt8], _ flags: [Bool]) -> [UInt8] {
    var all = [UInt8](repeating: 0, count: flags.count)
    var next = 0
    for at in flags.indices where flags[at] && next < survivors.count {
      all[at] = survivors[next]
      next += 1
    }
    return all
  }

  /// The codes whose flags are set, in their order.
  static func survivors(_ codes: [UInt8], _ flags: [Bool]) -> [UInt8] {
    var survivors: [UInt8] = []
    survivors.reserveCapacity(codes.count)
    for at in codes.indices where flags[at] { survivors.append(codes[at]) }
    return survivors
  }
}
