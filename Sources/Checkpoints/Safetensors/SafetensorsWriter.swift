import Bytes

/// A writer of float32 tensors as a safetensors file.
package enum SafetensorsWriter {
  /// Writes `tensors` to the file `path` in the order of their names.
  ///
  /// - Parameter metadata: The file's `__metadata__`.
  /// - Throws: `cannotCreate` or `io` if the file can't be written; an existing file is then
  ///   unchanged.
  package static func write(
    _ tensors: [String: (shape: [Int], values: [Float])], metadata: [String: String] = [:],
    to path: String
  ) throws(Failure) {
    var header = JSONObject()
    if !metadata.isEmpty {
      var object = JSONObject()
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
      header["__metadata__"] = .object(object)
    }
    let names = tensors.keys.sorted()
    var offset = 0
    for name in names {
      guard let (shape, values) = tensors[name] else { continue }
      precondition(shape.reduce(1, *) == values.count, "\(name): \(shape) of \(values.count)")
      let end = offset + 4 * values.count
      header[name] = [
        "dtype": "F32", "shape": JSON(shape), "data_offsets": JSON([offset, end]),
      ]
      offset = end
    }
    var text = JSON.object(header).canonicalBytes
    // The data starts at a multiple of 8 bytes, as in files of other writers.
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    var writer = try AtomicFileWriter(path: path)
    var start: [UInt8] = []
    start.append(littleEndian: UInt64(text.count))
    try writer.write(start + text)
    for name in names { try writer.write([UInt8](floats: tensors[name]?.values ?? [])) }
    try writer.publish()
  }
}
