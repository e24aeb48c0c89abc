import Bytes
import Foundation

/// A writer of float32 matrices in `torch.save`'s format, for programs that take tensors as files:
/// a zip archive of uncompressed entries, where `data.pkl` describes the values in `data/0`.
package enum TorchTensorWriter {
  /// The file of a row-major matrix [rows, columns].
  package static func bytes(_ values: [Float], rows: Int, columns: Int) -> [UInt8] {
    precondition(values.count == rows * columns && values.count < 1 << 29)
    var zip = StoredZip()
    zip.add("tensor/data.pkl", pickle(rows: rows, columns: columns))
    zip.add("tensor/byteorder", Array("little".utf8))
    zip.add("tensor/data/0", [UInt8](floats: values))
    zip.add("tensor/version", Array("3\n".utf8))
    return zip.finish()
  }

  /// The pickle of the matrix, in protocol 2: a call of `torch._utils._rebuild_tensor_v2` with the
  /// storage, offset 0, shape (rows, columns), strides (columns, 1), False and an empty
  /// OrderedDict.
  private static func pickle(rows: Int, columns: Int) -> [UInt8] {
    var out: [UInt8] = [0x80, 2]
    func global(_ module: String, _ name: String) {
      out += Array("c\(module)\n\(name)\n".utf8)
    }
    func text(_ value: String) {
      out.append(UInt8(ascii: "X"))
      out.append(littleEndian: UInt32(value.utf8.count))
      out += Array(value.utf8)
    }
    func integer(_ value: Int) {
      out.append(UInt8(ascii: "J"))
      out.append(littleEndian: Int32(value))
    }
    func mark() { out.append(UInt8(ascii: "(")) }
    func tuple() { out.append(UInt8(ascii: "t")) }
    func call() { out.append(UInt8(ascii: "R")) }
    func pair(_ a: Int, _ b: Int) {
      mark()
      integer(a)
      integer(b)
      tuple()
    }
    global("torch._utils", "_rebuild_tensor_v2")
    mark()
    mark()
    text("storage")
    global("torch", "FloatStorage")
    text("0")
    text("cpu")
    integer(rows * columns)
    tuple()
    out.append(UInt8(ascii: "Q"))
    integer(0)
    pair(rows, columns)
    pair(columns, 1)
    out.append(0x89)
    global("collections", "OrderedDict")
    out.append(UInt8(ascii: ")"))
    call()
    tuple()
    call()
    out.append(UInt8(ascii: "."))
    return out
  }
}

/// A builder of zip archives with uncompressed entries, their data aligned to 64 bytes as in
/// torch's files.
struct StoredZip {
  private var out: [UInt8] = []
  private var directory: [UInt8] = []
  private var count: UInt16 = 0
  private static let alignment = 64

  mutating func add(_ name: String, _ content: [UInt8]) {
    let sum = Self.checksum(content)
    let place = out.count
    // An extra field of zeros aligns the data; its header takes four bytes.
    let start = place + 30 + name.utf8.count + 4
    let padding = (Self.alignment - start % Self.alignment) % Self.alignment
    var common: [UInt8] = []
    for value in [20, 0, 0, 0, 0x21] as [UInt16] { common.append(littleEndian: value) }
    common.append(littleEndian: sum)
    common.append(littleEndian: UInt32(content.count))
    common.append(littleEndian: UInt32(content.count))
    common.append(littleEndian: UInt16(name.utf8.count))

    out.append(littleEndian: UInt32(0x0403_4b50))
    out += common
    out.append(littleEndian: UInt16(4 + padding))
    out += Array(name.utf8)
    out.append(littleEndian: UInt16(0x4246))
    out.append(littleEndian: UInt16(padding))
    out += [UInt8](repeating: 0, count: padding)
    out += content

    directory.append(littleEndian: UInt32(0x0201_4b50))
    directory.append(littleEndian: UInt16(20))
    directory += common
    for _ in 0..<4 { directory.append(littleEndian: UInt16(0)) }
    directory.append(littleEndian: UInt32(0))
    directory.append(littleEndian: UInt32(place))
    directory += Array(name.utf8)
    count += 1
  }

  func finish() -> [UInt8] {
    var bytes = out + directory
    bytes.append(littleEndian: UInt32(0x0605_4b50))
    bytes.append(littleEndian: UInt16(0))
    bytes.append(littleEndian: UInt16(0))
    bytes.append(littleEndian: count)
    bytes.append(littleEndian: count)
    bytes.append(littleEndian: UInt32(directory.count))
    bytes.append(littleEndian: UInt32(out.count))
    bytes.append(littleEndian: UInt16(0))
    return bytes
  }

  /// CRC-32 (ISO-HDLC), one byte at a time by a table of 256 entries.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in
      value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
    }
  }
}
