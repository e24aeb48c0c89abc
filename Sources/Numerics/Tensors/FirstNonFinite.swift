import CKernels

extension Tensor {
  /// The flat index of the first NaN or infinity; nil if all values are finite.
  package var firstNonFinite: Int? {
    let index = unsafe ctk_first_non_finite(pointer, count)
    return index < count ? index : nil
  }
}

extension [Float] {
  /// The index of the first NaN or infinity; nil if all values are finite.
  package var firstNonFinite: Int? {
    let index = unsafe withUnsafeBufferPointer { values -> Int in
      guard let base = values.baseAddress else { return 0 }
      return unsafe ctk_first_non_finite(base, values.count)
    }
    return index < count ? index : nil
  }
}
