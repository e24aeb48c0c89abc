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
    let original = source.storedFloats(name)
    if let original, layout == .asSource || original.format == layout.format {
      try Self.check(name, source)
      return try .dense(
        name: name, shape: shape, format: original.format, values: original.bytes)
    }
    try Self.check(name, source)
    let values = try source.tensor(name)
    return try .dense(
      name: name, shape: shape, format: layout.format,
      values: ByteSlice(try layout.encode(values.values, name)))
  }

  /// The format that numbers are rounded to, where they aren't taken over as they are.
  var format: FloatFormat {
    switch self {
    case .asSource, .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
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
    if format == .float16, let value = values.first(where: { !Float16($0).isFinite }) {
      throw Failure(.usage, at: name, "\(value) is beyond f16", advice: "store it as bf16")
    }
    return [UInt8](floats: values, as: format)
  }
}
