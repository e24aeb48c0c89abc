import Bytes

extension GGUFArray {
  /// The elements of a string array, as raw bytes; nil if the elements have another type.
  var strings: [[UInt8]]? {
    guard element == .string else { return nil }
    var strings: [[UInt8]] = []
    strings.reserveCapacity(count)
    var offset = 0
    for _ in 0..<count {
      guard let length = bytes.integer(at: offset, as: UInt64.self).flatMap({ Int(exactly: $0) }),
        length <= bytes.count - offset - 8,
        let text = bytes.slice(offset + 8..<offset + 8 + length)
      else { return nil }
      strings.append(text.array)
      offset += 8 + length
    }
    return strings
  }

  /// The elements of an integer array of any width; nil for other types or on overflow of 32 bits.
  var integers: [Int32]? {
    func read<T: FixedWidthInteger>(_ type: T.Type) -> [Int32]? {
      var values: [Int32] = []
      values.reserveCapacity(count)
      for index in 0..<count {
        guard let value = bytes.integer(at: index * MemoryLayout<T>.size, as: T.self),
          let narrow = Int32(exactly: value)
        else { return nil }
        values.append(narrow)
      }
      return values
    }
    switch element {
    case .u8: return read(UInt8.self)
    case .i8: return read(Int8.self)
    case .u16: return read(UInt16.self)
    case .i16: return read(Int16.self)
    case .u32: return read(UInt32.self)
    case .i32: return read(Int32.self)
    case .u64: return read(UInt64.self)
    case .i64: return read(Int64.self)
    case .f32, .f64, .bool, .string, .array: return nil
    }
  }

  /// The elements of a float32 array; nil if the elements have another type.
  var floats: [Float]? {
    guard element == .f32 else { return nil }
    return (0..<count).compactMap { index in
      bytes.integer(at: index * 4, as: UInt32.self).map(Float.init(bitPattern:))
    }
  }
}
