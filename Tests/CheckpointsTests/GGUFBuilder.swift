import Bytes

/// A builder of valid and invalid GGUF files, field by field.
struct GGUFBuilder {
  var version: UInt32 = 3
  /// Counts written to the header in place of the true ones.
  var tensorCount: UInt64?
  var valueCount: UInt64?
  private var values: [[UInt8]] = []
  private var tensors: [[UInt8]] = []
  var data: [UInt8] = []
  var alignment = 32

  static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<MemoryLayout<T>.size).map { UInt8(truncatingIfNeeded: value >> (8 * T($0))) }
  }

  static func string(_ text: String) -> [UInt8] {
    bytes(UInt64(text.utf8.count)) + Array(text.utf8)
  }

  mutating func value(_ key: String, type: UInt32, _ payload: [UInt8]) {
    values.append(Self.string(key) + Self.bytes(type) + payload)
  }
  mutating func value(_ key: String, _ number: UInt32) { value(key, type: 4, Self.bytes(number)) }
  mutating func value(_ key: String, _ text: String) { value(key, type: 8, Self.string(text)) }
  mutating func value(_ key: String, _ number: Float) {
    value(key, type: 6, Self.bytes(number.bitPattern))
  }

  /// Adds a tensor; `sizes` are in the file's order, innermost dimension first.
  mutating func tensor(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, offset: UInt64) {
    tensors.append(
      Self.string(name) + Self.bytes(UInt32(sizes.count)) + sizes.flatMap(Self.bytes)
        + Self.bytes(type) + Self.bytes(offset))
  }

  var file: ByteSlice {
    var bytes = Array("GGUF".utf8) + Self.bytes(version)
    bytes += Self.bytes(tensorCount ?? UInt64(tensors.count))
    bytes += Self.bytes(valueCount ?? UInt64(values.count))
    for part in values + tensors { bytes += part }
    bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    return ByteSlice(bytes + data)
  }
}
