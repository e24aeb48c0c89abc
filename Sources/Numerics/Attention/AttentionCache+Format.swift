import CKernels

extension AttentionCache.Format {
  /// Bytes per number.
  var bytes: Int {
    switch self {
    case .float32: 4
    case .float16: 2
    case .int8: 1
    }
  }

  /// The kernels' constant for the format.
  var kernel: ctk_cache_format {
    switch self {
    case .float32: ctk_cache_f32
    case .float16: ctk_cache_f16
    case .int8: ctk_cache_i8
    }
  }
}

extension AttentionCache {
  /// Bytes that `rows` rows of keys and values of one block take, the scales of int8 included.
  package static func byteCount(
    rows: Int, kvHeads: Int, headDim: Int, format: Format
  ) -> Int {
    let scales = format == .int8 ? 4 * kvHeads : 0
    return 2 * rows * (kvHeads * headDim * format.bytes + scales)
  }
}
