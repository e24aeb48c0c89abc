import Bytes

/// A tensor as stored: its descriptor and the bytes of its parts, still in the mapped file.
public struct StoredTensor: Sendable {
  /// Name, shape and form of storage.
  public var descriptor: TensorDescriptor
  /// Packed codes; nil for dense tensors.
  public var codes: ByteSlice?
  /// f16 [rows, groups], or in the order of `RowTiles` where rows are interleaved; nil for dense
  /// tensors.
  public var scales: ByteSlice?
  /// Zero points, codes in the planar layout over [rows · groups], in the order of the scales; nil
  /// where symmetric or dense.
  public var zeros: ByteSlice?
  /// Bitmask; nil without one.
  public var mask: ByteSlice?
  /// The survivor index of an n:m pattern; nil without one.
  public var index: ByteSlice?
  /// Dense values (only the survivors where masked); nil for packed tensors.
  public var dense: ByteSlice?

  /// The kept weights of a tensor to be stored.
  public enum Mask: Sendable {
    /// Bits as `Bitmask.pack` makes them.
    case bitmask(ByteSlice)
    /// A survivor index as `NMPattern.pack` makes it.
    case nm(NMPattern, ByteSlice)
  }

  /// A quantized matrix. `shape`: [rows, columns]. `codes`: planar, per row, or, with a mask, the
  /// survivors flattened. `scales`: f16 [rows, groups]. `zeros`: planar over [rows · groups], nil
  /// for symmetric grids. `interleaved`: all of these, `mask` included, are in the order of
  /// `RowTiles`. Throws `invalidData` where a size doesn't follow from the shape, or rows can't be
  /// interleaved.
  public static func packed(
    name: String, shape: [Int], bits: Int, groupSize: Int, codes: ByteSlice, scales: ByteSlice,
    zeros: ByteSlice? = nil, scaleExponent: Int = 0, mask: Mask? = nil, interleaved: Bool = false
  ) throws(Failure) -> StoredTensor {
    guard let layout = PackingLayout.planar(bits: bits) else {
      throw Failure(.invalidData, at: "tensor \"\(name)\"", "no packing at \(bits) bits")
    }
    let descriptor = TensorDescriptor(
      name: name, shape: shape, layout: layout, bits: bits, groupSize: groupSize,
      symmetric: zeros == nil, scaleExponent: scaleExponent, sparsity: mask?.sparsity,
      interleaved: interleaved)
    let tensor = StoredTensor(
      descriptor: descriptor, codes: codes, scales: scales, zeros: zeros, mask: mask?.bitmask,
      index: mask?.index, dense: nil)
    try tensor.validateSizes()
    return tensor
  }

  /// A tensor of plain numbers. `values`: row-major, or the survivors of `mask`.
  /// Throws `invalidData` where a size doesn't follow from the shape.
  public static func dense(
    name: String, shape: [Int], format: FloatFormat, values: ByteSlice, mask: Mask? = nil
  ) throws(Failure) -> StoredTensor {
    let descriptor = TensorDescriptor(
      name: name, shape: shape, layout: PackingLayout(format), bits: 8 * format.byteCount,
      groupSize: 0, symmetric: true,
      scaleExponent: 0, sparsity: mask?.sparsity)
    let tensor = StoredTensor(
      descriptor: descriptor, codes: nil, scales: nil, zeros: nil, mask: mask?.bitmask,
      index: mask?.index, dense: values)
    try tensor.validateSizes()
    return tensor
  }

  /// - Throws: `invalidData` unless every part has exactly the size that follows from the descriptor.
  func validateSizes() throws(Failure) {
    try descriptor.validate()
    func check(_ part: String, _ bytes: ByteSlice?, _ size: Int?) throws(Failure) {
      guard bytes?.count == size else {
        let found = bytes.map { "\($0.count) bytes" } ?? "none"
        let wanted = size.map { "\($0) bytes" } ?? "none"
        throw Failure(
          .invalidData, at: "tensor \"\(descriptor.name)\"",
          "\(part): \(found), its shape needs \(wanted)")
      }
    }
    let isPacked = descriptor.isPacked
    try check("codes", codes, isPacked ? descriptor.valueBytes : nil)
    try check("dense values", dense, isPacked ? nil : descriptor.valueBytes)
    try check("scales", scales, isPacked ? descriptor.scaleBytes : nil)
    try check("zeros", zeros, isPacked && !descriptor.symmetric ? descriptor.zeroBytes : nil)
    switch descriptor.sparsity {
    case nil:
      try check("mask", mask, nil)
      try check("survivor index", index, nil)
    case .bitmask:
      try check("mask", mask, descriptor.maskBytes)
      try check("survivor index", index, nil)
    case .nm(let pattern):
      try check("mask", mask, nil)
      try check(
        "survivor index", index, pattern.size(rows: descriptor.rows, columns: descriptor.columns))
    }
  }
}

extension StoredTensor.Mask {
  fileprivate var sparsity: TensorDescriptor.Sparsity {
    switch self {
    case .bitmask(let bits): .bitmask(survivors: Bitmask.population(bits))
    case .nm(let pattern, _): .nm(pattern)
    }
  }
  fileprivate var bitmask: ByteSlice? { if case .bitmask(let bits) = self { bits } else { nil } }
  fileprivate var index: ByteSlice? { if case .nm(_, let index) = self { index } else { nil } }
}
