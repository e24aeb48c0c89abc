import Bytes

/// A file in memory that keeps a list of what was done to it, and can be told to fail.
struct RecordingBytes: EditableBytes {
  /// How many bytes were read, shared by copies: reading doesn't change the file.
  final class Counter { var bytes = 0 }

  enum Step {
    case write([UInt8], Int)
    case truncate(Int)
    case synchronize
  }

  var content: [UInt8]
  var steps: [Step] = []
  let reads = Counter()
  /// Bytes that may still be added to the file before the disk is full; nil = no limit.
  var room: Int?
  private var full: Failure { Failure(.io, file: "memory", "write failed: no space left") }

  init(_ content: [UInt8], room: Int? = nil) {
    self.content = content
    self.room = room
  }

  var size: Int { content.count }

  func read(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
    guard offset >= 0, offset + count <= content.count else {
      throw Failure(.invalidData, file: "memory", "the file ends here")
    }
    reads.bytes += count
    return Array(content[offset..<offset + count])
  }

  mutating func write(_ bytes: [UInt8], at offset: Int) throws(Failure) {
    var bytes = bytes
    let growth = max(0, offset + bytes.count - content.count)
    let isTooMuch = room.map { growth > $0 } ?? false
    // A full disk takes what still fits, then refuses.
    if isTooMuch { bytes.removeLast(min(bytes.count, growth - (room ?? 0))) }
    steps.append(.write(bytes, offset))
    Self.apply(.write(bytes, offset), to: &content)
    if isTooMuch { throw full }
    if let room { self.room = room - growth }
  }

  mutating func truncate(to size: Int) throws(Failure) {
    steps.append(.truncate(size))
    Self.apply(.truncate(size), to: &content)
  }

  mutating func synchronize() throws(Failure) { steps.append(.synchronize) }

  static func apply(_ step: Step, to content: inout [UInt8]) {
    switch step {
    case .write(let bytes, let offset):
      let end = offset + bytes.count
      if end > content.count {
        content += [UInt8](repeating: 0, count: end - content.count)
      }
      content.replaceSubrange(offset..<end, with: bytes)
    case .truncate(let size):
      content =
        size <= content.count
        ? Array(content[..<size]) : content + [UInt8](repeating: 0, count: size - content.count)
    case .synchronize: break
    }
  }
}
