import BundleFormat
import Bytes
import Checkpoints

/// How the matrices that stay dense (embedding, output head, learned positions) are stored. Gains and biases are never
/// rounded: they are small and everything passes through them.
package enum DenseStorage: String, Sendable, Hashable, CaseIterable {
  /// f32, f16 and bf16 as they are, byte for byte; other types (GGUF blocks) as the f32 they decode
  /// to.
  case asSource = "source"
  case f32
  case f16
  case bf16

  /// - Throws: `Failure(.invalidData)` for values that aren't finite, `Failure(.usage)` for values
  ///   that f16 can't hold.
  package func store(
    _ name: String, from source: any TensorSource
  ) throws(Failure) -> StoredTensor {
    guard let shape = source.shape(of: name) else {
      throw Failure(.internalError, at: name, "the model has no such tensor")
    }
    let layout = shape.count < 2 ? .asSource : self
    let original = source.storedHalfOrFloat(name)
    if let original, layout == .asSource || original.layout.rawValue == layout.rawValue.uppercased()
    {
      try Self.check(name, source)
      return try .dense(
        name: name, shape: shape, layout: original.layout.packing, values: original.bytes)
    }
    try Self.check(name, source)
    let values = try source.tensor(name)
    return try .dense(
      name: name, shape: shape, layout: layout.packing,
      values: ByteSlice(try layout.encode(values.values, name)))
  }

  var packing: PackingLayout {
    switch self {
    case .asSource, .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }

  private static func check(_ name: String, _ source: any TensorSource) throws(Failure) {
    guard let index = try Checkpoint.firstNonFinite(of: name, in: source) else { return }
    throw Failure(
      .invalidData, at: name, "value \(index) isn't a finite number",
      advice: "the checkpoint is damaged; fetch it again")
  }

  /// Little-endian bytes, each value rounded to nearest, ties to even.
  func encode(_ values: [Float], _ name: String) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count * (packing == .f32 ? 4 : 2))
    for value in values {
      switch self {
      case .asSource, .f32:
        let bits = value.bitPattern
        for shift in [0, 8, 16, 24] as [UInt32] {
          bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
      case .f16:
        let half = Float16(value)
        guard half.isFinite else {
          throw Failure(.usage, at: name, "\(value) is beyond f16", advice: "store it as bf16")
        }
        bytes.append(UInt8(truncatingIfNeeded: half.bitPattern))
        bytes.append(UInt8(truncatingIfNeeded: half.bitPattern >> 8))
      case .bf16:
        let bits = value.bitPattern
        let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
        bytes.append(UInt8(truncatingIfNeeded: rounded))
        bytes.append(UInt8(truncatingIfNeeded: rounded >> 8))
      }
    }
    return bytes
  }
}

extension StoredFloatLayout {
  fileprivate var packing: PackingLayout {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }
}
