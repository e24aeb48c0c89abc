import Bytes

/// A section in blocks that are entropy coded one by one (codec 2; Formats/packing.md). Any block
/// decodes on its own, so all cores can work on one section.
///
///      0  4  raw bytes of every block but the last, which may be shorter
///      4  1  transform     5  1  its width     6  2  zero
///      8     per block 8 bytes, then the blocks' stored bytes, back to back
///
/// A block's 8 bytes:
///      0  4  stored bytes
///      4  1  form     5  1  shift     6  2  base
package struct CodedBlocks {
  /// A rearrangement of the raw bytes after which single bytes compress well.
  package enum Transform: Equatable {
    case none
    /// Blocks of 64 planar codes of 3 bits, 24 bytes, as 32 pairs of codes.
    case pairs
    /// Words of 16 bits as their upper and their lower parts.
    case halves
    /// A stream of bits cut into symbols of `width` (5, 6 or 7) bits.
    case symbols(width: Int)
  }

  package enum Form: UInt8 {
    /// The raw bytes.
    case plain = 0
    /// A zstd frame of the transformed bytes.
    case coded = 1
    /// A zstd frame of the transformed bytes, the runs of 64 codes sorted by their group's zero
    /// point.
    case ordered = 2
  }

  package struct Block {
    /// The place of its bytes in the stored section.
    var stored: Range<Int>
    /// The raw bytes that it holds.
    var raw: Range<Int>
    var form: Form
    /// For `halves`: the number of low bits, 4 to 8. `base` is the number that was subtracted.
    var shift: Int
    var base: UInt16
  }

  static let headerSize = 8
  static let entrySize = 8
  /// A multiple of every unit that a transform works on: 24, 32 and 64 bytes of codes, 2 of halves,
  /// 5, 6 and 7 of symbols.
  static let granularity = 6720
  static let maximumBlockSize = 1 << 24
  /// Raw bytes per block of the writer: large enough that entropy tables cost nothing, small enough
  /// for a core's cache.
  package static let standardBlockSize = 117 * granularity

  var blockSize: Int
  package var transform: Transform
  /// Raw bytes of 64 codes; 0 where the section holds no codes that could be sorted.
  var runSize: Int
  package var blocks: [Block]

  /// Whether decoding needs to know the zero points.
  package var isOrdered: Bool { blocks.contains { $0.form == .ordered } }
}

extension CodedBlocks {
  /// Reads and checks the header and the index; no block is decoded.
  package init(parsing bytes: ByteSlice, section: Section) throws(Failure) {
    func invalid(_ finding: String) -> Failure { Failure(.invalidData, finding) }
    guard let size = bytes.integer(at: 0, as: UInt32.self),
      let kind = bytes.integer(at: 4, as: UInt8.self),
      let width = bytes.integer(at: 5, as: UInt8.self),
      let reserved = bytes.integer(at: 6, as: UInt16.self)
    else { throw invalid("its coded blocks end inside their header") }
    blockSize = Int(size)
    guard blockSize >= Self.granularity, blockSize <= Self.maximumBlockSize,
      blockSize % Self.granularity == 0
    else { throw invalid("coded blocks of \(size) bytes, which is no allowed size") }
    guard let transform = Transform(id: kind, width: width), reserved == 0 else {
      throw invalid("its coded blocks use transform \(kind) \(width), which isn't known")
    }
    guard transform.suits(section.layout, size: section.rawSize) else {
      throw invalid(
        "transform \(kind) on \(section.rawSize) bytes of layout \(section.layoutID)")
    }
    self.transform = transform
    runSize = section.layout?.runSize ?? 0
    guard section.rawSize > 0 else { throw invalid("coded blocks of a section without bytes") }
    let count = (section.rawSize - 1) / blockSize + 1
    // The raw size is at most 64 times the stored one, so this can't overflow.
    var start = Self.headerSize + count * Self.entrySize
    guard start <= bytes.count else {
      throw invalid("it ends inside the index of its \(count) coded blocks")
    }
    blocks = []
    blocks.reserveCapacity(count)
    for index in 0..<count {
      let raw = index * blockSize..<min((index + 1) * blockSize, section.rawSize)
      let block = try Block(
        parsing: bytes, at: Self.headerSize + index * Self.entrySize, start: start, raw: raw,
        index: index)
      guard block.stored.upperBound <= bytes.count else {
        throw invalid("coded block \(index) ends at \(block.stored.upperBound) of \(bytes.count)")
      }
      guard block.isCanonical(transform) else {
        throw invalid("coded block \(index): shift \(block.shift) and base \(block.base)")
      }
      if block.form == .ordered, !section.canBeSorted {
        throw invalid("coded block \(index) is sorted by zero points, which it can't be")
      }
      if block.form == .ordered, section.flags.read & SectionFlags.interleavedRows != 0 {
        throw invalid("coded block \(index) is sorted by zero points, but its rows are interleaved")
      }
      blocks.append(block)
      start = block.stored.upperBound
    }
    guard start == bytes.count else {
      throw invalid("\(bytes.count - start) bytes after its last coded block")
    }
  }

  /// Header and index; the blocks' bytes follow them.
  var indexBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(blockSize))
    bytes.append(transform.id)
    bytes.append(transform.width)
    bytes.append(littleEndian: UInt16(0))
    for block in blocks {
      bytes.append(littleEndian: UInt32(block.stored.count))
      bytes.append(block.form.rawValue)
      bytes.append(UInt8(block.shift))
      bytes.append(littleEndian: block.base)
    }
    return bytes
  }
}

extension CodedBlocks.Block {
  fileprivate init(
    parsing bytes: ByteSlice, at offset: Int, start: Int, raw: Range<Int>, index: Int
  ) throws(Failure) {
    guard let size = bytes.integer(at: offset, as: UInt32.self),
      let form = bytes.integer(at: offset + 4, as: UInt8.self),
      let shift = bytes.integer(at: offset + 5, as: UInt8.self),
      let base = bytes.integer(at: offset + 6, as: UInt16.self)
    else { throw Failure(.invalidData, "it ends inside the index of its coded blocks") }
    guard let known = CodedBlocks.Form(rawValue: form) else {
      throw Failure(.invalidData, "coded block \(index) has the unknown form \(form)")
    }
    guard size > 0, known != .plain || Int(size) == raw.count else {
      throw Failure(.invalidData, "coded block \(index) of \(raw.count) bytes takes \(size)")
    }
    stored = start..<start + Int(size)
    self.raw = raw
    self.form = known
    self.shift = Int(shift)
    self.base = base
  }

  /// Shift and base mean something for coded halves only; everywhere else they are 0.
  fileprivate func isCanonical(_ transform: CodedBlocks.Transform) -> Bool {
    form != .plain && transform == .halves ? (4...8).contains(shift) : shift == 0 && base == 0
  }
}

extension Section {
  /// Whether runs of 64 codes can be sorted by zero points.
  fileprivate var canBeSorted: Bool { type == .tensorCodes && layout?.runSize != nil }
}
