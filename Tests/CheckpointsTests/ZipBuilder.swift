import Bytes

/// A builder of zip archives with uncompressed entries, as torch.save writes them, for any pickle.
struct ZipBuilder {
  private var bytes: [UInt8] = []
  /// The local headers with their data, without a directory.
  var entries: [UInt8] { bytes }
  /// The offset at which the next entry begins.
  var end: Int { bytes.count }
  private var directory: [UInt8] = []
  private var count: UInt16 = 0

  mutating func add(_ name: String, _ data: [UInt8], method: UInt16 = 0, flags: UInt16 = 0) {
    let start = UInt32(bytes.count)
    let size = UInt32(data.count)
    var common: [UInt8] = []
    for field in [flags, method, 0, 0] as [UInt16] { common.append(littleEndian: field) }
    for field in [0, size, size] as [UInt32] { common.append(littleEndian: field) }
    for field in [UInt16(name.utf8.count), 0] { common.append(littleEndian: field) }
    bytes += [0x50, 0x4B, 3, 4, 20, 0] + common + Array(name.utf8) + data
    list(name, common, start)
  }

  /// Adds an entry to the directory whose local header is already there, at `place`.
  mutating func addAgain(_ name: String, size: Int, at place: Int) {
    var common: [UInt8] = []
    for field in [0, 0, 0, 0] as [UInt16] { common.append(littleEndian: field) }
    for field in [0, UInt32(size), UInt32(size)] { common.append(littleEndian: field) }
    for field in [UInt16(name.utf8.count), 0] { common.append(littleEndian: field) }
    list(name, common, UInt32(place))
  }

  private mutating func list(_ name: String, _ common: [UInt8], _ start: UInt32) {
    directory += [0x50, 0x4B, 1, 2, 20, 0, 20, 0] + common
    for field in [0, 0, 0, 0, 0] as [UInt16] { directory.append(littleEndian: field) }
    directory.append(littleEndian: start)
    directory += Array(name.utf8)
    count += 1
  }

  func archive() -> [UInt8] {
    var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
    for field in [count, count] { end.append(littleEndian: field) }
    for field in [UInt32(directory.count), UInt32(bytes.count)] { end.append(littleEndian: field) }
    return bytes + directory + end + [0, 0]
  }

  /// A file with one pickle and one storage "0" of `values` float32 numbers.
  static func file(pickle: [UInt8], values: Int = 6) -> ByteSlice {
    var zip = ZipBuilder()
    zip.add("archive/data.pkl", pickle)
    zip.add("archive/data/0", [UInt8](floats: (0..<values).map(Float.init)))
    return ByteSlice(zip.archive())
  }
}

/// Builders of pickles, opcode by opcode.
enum Opcode {
  static let start: [UInt8] = [0x80, 2]
  static func text(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "X")]
    bytes.append(littleEndian: UInt32(text.utf8.count))
    return bytes + Array(text.utf8)
  }
  static func integer(_ value: Int32) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "J")]
    bytes.append(littleEndian: value)
    return bytes
  }
  static func long(_ value: Int64) -> [UInt8] {
    var bytes: [UInt8] = [0x8A, 8]
    bytes.append(littleEndian: value)
    return bytes
  }
  static func global(_ name: String) -> [UInt8] {
    let parts = name.split(separator: ".")
    return Array("c\(parts.dropLast().joined(separator: "."))\n\(parts.last ?? "")\n".utf8)
  }
  static func tuple(_ parts: [[UInt8]]) -> [UInt8] {
    Array("(".utf8) + parts.joined() + Array("t".utf8)
  }
  static func tuple(_ numbers: [Int32]) -> [UInt8] { tuple(numbers.map { integer($0) }) }
  static let call: [UInt8] = Array("R".utf8)
  static let noHooks = global("collections.OrderedDict") + Array(")R".utf8)

  static func storage(_ type: String = "FloatStorage", key: String = "0", count: Int32 = 6)
    -> [UInt8]
  {
    tuple([text("storage"), global("torch." + type), text(key), text("cpu"), integer(count)])
      + Array("Q".utf8)
  }

  static func tensor(
    _ storage: [UInt8] = storage(), offset: [UInt8] = integer(0), shape: [UInt8],
    strides: [UInt8], metadata: [UInt8] = []
  ) -> [UInt8] {
    global("torch._utils._rebuild_tensor_v2")
      + tuple([storage, offset, shape, strides, [0x89], noHooks, metadata]) + call
  }

  /// A state dict with one entry, "w" by default.
  static func stateDict(_ value: [UInt8], key: [UInt8] = text("w")) -> [UInt8] {
    start + Array("}(".utf8) + key + value + Array("u.".utf8)
  }
}
