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
