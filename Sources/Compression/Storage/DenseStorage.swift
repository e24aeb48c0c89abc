import BundleFormat
import Bytes
import Checkpoints

/// The number format of matrices that aren't quantized: embedding, output head, learned positions,
/// pruned weights. Gains and biases are never rounded, because they are small and every activation
/// passes through them.
package enum DenseStorage: String, Sendable, Hashable, CaseIterable {
  /// The checkpoint's bytes for f32, f16 and bf16; other types (GGUF blocks) decoded to f32.
  case asSource = "source"
  case f32
  case f16
  case bf16

  /// The tensor `name` of `source` in this format.
  ///
  /// - Throws: `Failure(.invalidData)` for values that aren't finite, `Failure(.usage)` for values
  ///   beyond the range of f16.
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

  /// The format of values that are converted.
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

  /// The little-endian bytes of `values`, rounded to nearest, ties to even.
  func encode(_ values: [Float], _ name: String) throws(Failure) -> [UInt8] {
    if format == .float16, let value = values.first(where: { !Float16($0).isFinite }) {
      throw Failure(
        .usage, at: name, "\(value) is beyond the range of f16", advice: "store it as bf16")
    }
    return [UInt8](floats: values, as: format)
  }
}
