import CKernels

/// Access to single values, and copies of all values. Hot loops belong in a kernel instead.
extension Tensor {
  /// The value at a flat row-major index.
  package subscript(index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count, "value \(index) of \(count)")
      return unsafe pointer[index]
    }
    set {
      precondition(index >= 0 && index < count, "value \(index) of \(count)")
      precondition(!isReadOnly, "writing to mapped values")
      unsafe pointer[index] = newValue
    }
  }

  /// The value at a row and a column of the tensor seen as a matrix [rows, columns].
  package subscript(row: Int, column: Int) -> Float {
    get {
      precondition(column >= 0 && column < columns, "column \(column) of \(columns)")
      return self[row * columns + column]
    }
    set {
      precondition(column >= 0 && column < columns, "column \(column) of \(columns)")
      self[row * columns + column] = newValue
    }
  }

  /// A copy of all values in row-major order.
  package var values: [Float] {
    unsafe Array(UnsafeBufferPointer(start: pointer, count: count))
  }

  /// Returns a new tensor of the same shape with a copy of the values.
  package func copy() -> Tensor {
    let result = Tensor(uninitialized: shape)
    unsafe result.pointer.update(from: pointer, count: count)
    return result
  }

  /// Sets every element to `value`.
  package func fill(_ value: Float) {
    precondition(!isReadOnly, "writing to mapped values")
    unsafe pointer.update(repeating: value, count: count)
  }

  /// Overwrites the values with those of `other`, which has the same number of elements.
  package func copy(from other: Tensor) {
    precondition(!isReadOnly, "writing to mapped values")
    precondition(other.count == count, "\(other.shape) into \(shape)")
    unsafe pointer.update(from: other.pointer, count: count)
  }

  /// Overwrites the values with those of an array of `count` elements.
  package func copy(from values: [Float]) {
    precondition(!isReadOnly, "writing to mapped values")
    precondition(values.count == count, "\(values.count) values into \(shape)")
    unsafe values.withUnsafeBufferPointer { source in
      guard let first = source.baseAddress else { return }
      unsafe pointer.update(from: first, count: count)
    }
  }

  /// Calls `body` with a read-only span of all values.
  package func withSpan<R, E: Error>(_ body: (Span<Float>) throws(E) -> R) throws(E) -> R {
    let buffer = unsafe UnsafeBufferPointer(start: pointer, count: count)
    return try body(unsafe buffer.span)
  }

  /// Calls `body` with a mutable span of all values.
  package func withMutableSpan<R, E: Error>(
    _ body: (inout MutableSpan<Float>) throws(E) -> R
  ) throws(E) -> R {
    precondition(!isReadOnly, "writing to mapped values")
    let buffer = unsafe UnsafeMutableBufferPointer(start: pointer, count: count)
    var span = unsafe buffer.mutableSpan
    return try body(&span)
  }
}

extension Tensor {
  /// The values rounded to float16, little-endian.
  package var float16Bytes: [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 2 * count) { buffer, filled in
      if let base = buffer.baseAddress {
        unsafe ctk_store_cached(Int32(ctk_cache_f16.rawValue), pointer, count, base, nil)
      }
      filled = 2 * count
    }
  }
}
