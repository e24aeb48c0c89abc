import Bytes

/// A tensor in a safetensors or PyTorch file, checked when the file was opened.
package struct WeightEntry: Sendable {
  package let type: SafetensorsType
  /// Outermost dimension first.
  package let shape: [Int]
  /// Strides in elements; nil if the values are in row-major order.
  let strides: [Int]?
  /// The values or, with strides, the storage from the first value on.
  let stored: ByteSlice
  /// The mapped file and the range of `stored` in it; nil if the bytes were passed in.
  let source: (file: MappedFile, range: Range<Int>)?

  init(_ entry: SafetensorsFile.Entry) {
    self.init(
      type: entry.type, shape: entry.shape, strides: nil, stored: entry.bytes, source: entry.source)
  }

  init(
    type: SafetensorsType, shape: [Int], strides: [Int]?, stored: ByteSlice,
    source: (file: MappedFile, range: Range<Int>)?
  ) {
    self.type = type
    self.shape = shape
    self.strides = strides
    self.stored = stored
    self.source = source
  }

  /// The values in row-major order: a view of the file, or a copy if they are stored otherwise.
  package var bytes: ByteSlice {
    guard let strides else { return stored }
    let size = type.bits / 8
    var values: [UInt8] = []
    values.reserveCapacity(shape.reduce(size, *))
    var index = [Int](repeating: 0, count: shape.count)
    var place = 0
    while true {
      for byte in 0..<size { values.append(stored[place * size + byte]) }
      // Advance the index like an odometer, innermost dimension first.
      var axis = shape.count - 1
      while axis >= 0 {
        index[axis] += 1
        place += strides[axis]
        if index[axis] < shape[axis] { break }
        place -= index[axis] * strides[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return ByteSlice(values) }
    }
  }

  /// Releases the mapped pages of a converted tensor, so that reading a large model one tensor at a
  /// time doesn't fill the memory. The system reads them again on the next access.
  func release() { if let source { source.file.advise(.dontNeed, source.range) } }
}
