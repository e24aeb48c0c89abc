import CKernels

/// Single values and whole copies. Hot loops belong in a kernel instead.
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

  /// The value in a row and column (`columns` counts all extents but the first).
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

  /// All values, copied.
  package var values: [Float] {
    unsafe Array(UnsafeBufferPointer(start: pointer, count: count))
  }

  /// A tensor of its own with the same values.
  package func copy() -> Tensor {
    let result = Tensor(uninitialized: shape)
    unsafe result.pointer.update(from: pointer, count: count)
    return result
  }

  package func fill(_ value: Float) {
    precondition(!isReadOnly, "writing to mapped values")
    unsafe pointer.update(repeating: value, count: count)
  }

  /// Takes over the values of a tensor with the same number of them.
  package func copy(from other: Tensor) {
    precondition(!isReadOnly, "writing to mapped values")
    precondition(other.count == count, "\(other.shape) into \(shape)")
    unsafe pointer.update(from: other.pointer, count: count)
  }

  /// Takes over values from an array with the same number of them.
  package func copy(from values: [Float]) {
    precondition(!isReadOnly, "writing to mapped values")
    precondition(values.count == count, "\(values.count) values into \(shape)")
    unsafe values.withUnsafeBufferPointer { source in
      guard let first = source.baseAddress else { return }
      unsafe pointer.update(from: first, count: count)
    }
  }

  /// Calls `body` with all values, to read. For code that works on spans.
  package func withSpan<R, E: Error>(_ body: (Span<Float>) throws(E) -> R) throws(E) -> R {
    let buffer = unsafe UnsafeBufferPointer(start: pointer, count: count)
    return try body(unsafe buffer.span)
  }

  /// Calls `body` with all values, to read and write.
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
