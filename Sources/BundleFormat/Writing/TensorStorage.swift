/// A form of storing tensors in a bundle.
public enum TensorStorage: String, Sendable, CaseIterable {
  /// As the kernels read them: nothing is decoded, and nothing is in memory twice.
  case mapped
  /// In entropy-coded blocks where that saves 2 % or more: a smaller file, decoded into memory when
  /// it is first used.
  case coded

  var policy: NewSection.CodecPolicy { self == .coded ? .coded : .never }
}
