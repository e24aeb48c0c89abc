import Bytes

/// The list of sections and of free extents that one commit record points at.
///
///     0  8  "CTSTABLE"
///     8  8  generation, the record's
///    16  4  sections n       20  4  free extents m
///    24  8  size of the texts
///    32     n entries of 96 bytes, then m extents of 16 bytes (offset, size), then the texts:
///           per entry its name and its attributes, back to back, in the entries' order
///
/// Entry:
///     0  2  type     2  2  layout     4  2  read flags     6  2  write flags
///     8  2  optional flags
///    10  1  codec   11  1  log2 of the alignment
///    12  4  size of the name   16  4  size of the attributes   20  4  zero
///    24  8  offset  32  8  stored size  40  8  raw size
///    48 16  XXH3-128 of the stored bytes    64 32  SHA-256 of the raw bytes
struct SectionTable: Equatable {
  var generation: UInt64
  var sections: [Section]
  var free: [Extent]

  static let magic = Array("CTSTABLE".utf8)
  static let prefixSize = 32
  static let entrySize = 96
  static let extentSize = 16

  /// Entries are written in the table's order whatever order they have here.
  var bytes: [UInt8] {
    let sorted = sections.sorted(by: Section.precedes)
    var texts: [UInt8] = []
    var entries: [UInt8] = []
    for section in sorted {
      let name = Array(section.name.utf8)
      let attributes =
        section.attributes.isEmpty ? [] : JSON.object(section.attributes).canonicalBytes
      entries.append(littleEndian: section.typeID)
      entries.append(littleEndian: section.layoutID)
      entries.append(littleEndian: section.flags.read)
      entries.append(littleEndian: section.flags.write)
      entries.append(littleEndian: section.flags.optional)
      entries.append(section.codec.rawValue)
      entries.append(UInt8(section.alignment.trailingZeroBitCount))
      entries.append(littleEndian: UInt32(name.count))
      entries.append(littleEndian: UInt32(attributes.count))
      entries.append(littleEndian: UInt32(0))
      entries.append(littleEndian: UInt64(section.offset))
      entries.append(littleEndian: UInt64(section.storedSize))
      entries.append(littleEndian: UInt64(section.rawSize))
      entries.append(contentsOf: section.xxh3.bytes)
      entries.append(contentsOf: section.sha256.bytes)
      texts.append(contentsOf: name)
      texts.append(contentsOf: attributes)
    }
    var bytes = Self.magic
    bytes.append(littleEndian: generation)
    bytes.append(littleEndian: UInt32(sorted.count))
    bytes.append(littleEndian: UInt32(free.count))
    bytes.append(littleEndian: UInt64(texts.count))
    bytes.append(contentsOf: entries)
    for extent in free {
      bytes.append(littleEndian: UInt64(extent.offset))
      bytes.append(littleEndian: UInt64(extent.size))
    }
    return bytes + texts
  }
}
