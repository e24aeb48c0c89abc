import BundleFormat
import Bytes

/// The bytes of a bundle whose parts are changed one at a time, with every digest that covers the
/// change made right again: of sections, table, records and header. Offsets are those in
/// Formats/container.md.
struct MutableBundle {
  private(set) var bytes: [UInt8]
  private static let body = 12288
  private static let recordOffsets = [4096, 8192]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Changes the part that `seed` chooses; false where the bytes are no bundle whose parts can be
  /// found.
  mutating func mutate(seed: UInt32, limit: Int) -> Bool {
    guard bytes.count >= Self.body, let record = newestRecord else { return false }
    let sections = sections(record)
    switch seed % 8 {
    case 0: change(8..<48)
    case 1: change(record + 8..<record + 40)
    case 2, 3, 4: if let table = table(record) { change(table, record: record, limit: limit) }
    default:
      guard !sections.isEmpty else { return false }
      change(sections[Int(seed / 8) % sections.count].place)
    }
    mend()
    return true
  }

  /// Makes all digests right.
  mutating func mend() {
    guard bytes.count >= Self.body else { return }
    put(XXH3Digest(hashing: part(0..<48)).bytes, at: 48)
    for record in Self.recordOffsets where bytes[record + 127] == 0xA5 { mend(record: record) }
  }

  private mutating func mend(record: Int) {
    for (entry, place) in sections(record) {
      put(XXH3Digest(hashing: part(place)).bytes, at: entry + 48)
      // The SHA-256 is that of the raw bytes, which a coded section doesn't store.
      if bytes[entry + 10] == 0 { put(SHA256Digest(hashing: part(place)).bytes, at: entry + 64) }
    }
    if let coded = codedDigests(record) { for (place, digest) in coded { put(digest, at: place) } }
    if let table = table(record) {
      put(XXH3Digest(hashing: part(table)).bytes, at: record + 40)
      put(SHA256Digest(hashing: part(table)).bytes, at: record + 56)
    }
    put(XXH3Digest(hashing: part(0..<64)).bytes, at: record + 88)
    put(XXH3Digest(hashing: part(record..<record + 104)).bytes, at: record + 104)
  }

  /// The SHA-256 of each coded section that can be decoded, with its place; nil where the bundle
  /// can't be opened even with the digests of everything else made right.
  private func codedDigests(_ record: Int) -> [(place: Int, digest: [UInt8])]? {
    let entries = sections(record).filter { bytes[$0.entry + 10] != 0 }
    guard !entries.isEmpty else { return nil }
    var copy = self
    if let table = copy.table(record) {
      copy.put(XXH3Digest(hashing: copy.part(table)).bytes, at: record + 40)
      copy.put(SHA256Digest(hashing: copy.part(table)).bytes, at: record + 56)
    }
    copy.put(XXH3Digest(hashing: copy.part(0..<64)).bytes, at: record + 88)
    copy.put(XXH3Digest(hashing: copy.part(record..<record + 104)).bytes, at: record + 104)
    guard let bundle = try? ModelBundle(bytes: ByteSlice(copy.bytes), name: "mended") else {
      return nil
    }
    return entries.compactMap { entry, place in
      guard
        let section = bundle.sections.first(where: {
          $0.offset == place.lowerBound && $0.storedSize == place.count
        }), section.rawSize < 1 << 24, let raw = try? bundle.bytes(of: section)
      else { return nil }
      return (entry + 64, SHA256Digest(hashing: raw).bytes)
    }
  }

  private func number(at offset: Int) -> Int? {
    ByteSlice(part(offset..<min(offset + 8, bytes.count))).integer(at: 0, as: UInt64.self)
      .flatMap(Int.init(exactly:))
  }

  private func part(_ range: Range<Int>) -> [UInt8] { Array(bytes[range]) }

  private mutating func put(_ new: [UInt8], at offset: Int) {
    bytes.replaceSubrange(offset..<offset + new.count, with: new)
  }

  private mutating func put(_ number: Int, at offset: Int) {
    put((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }, at: offset)
  }

  /// The range of `size` bytes from `offset`, if it lies in the file's body.
  private func place(_ offset: Int, _ size: Int) -> Range<Int>? {
    guard offset >= Self.body, size > 0, offset <= bytes.count, size <= bytes.count - offset
    else { return nil }
    return offset..<offset + size
  }

  /// The offset of the finished record with the highest generation.
  private var newestRecord: Int? {
    Self.recordOffsets.filter { bytes[$0 + 127] == 0xA5 }
      .max { (number(at: $0 + 8) ?? 0) < (number(at: $1 + 8) ?? 0) }
  }

  private func table(_ record: Int) -> Range<Int>? {
    guard let offset = number(at: record + 16), let size = number(at: record + 24) else {
      return nil
    }
    return place(offset, size)
  }

  /// The offset of each entry of the table whose section isn't empty, and the section's place.
  private func sections(_ record: Int) -> [(entry: Int, place: Range<Int>)] {
    guard let table = table(record), table.count >= 32 else { return [] }
    return stride(from: table.lowerBound + 32, through: table.upperBound - 96, by: 96)
      .prefix(Int(bytes[table.lowerBound + 16])).compactMap { entry in
        guard let offset = number(at: entry + 24), let size = number(at: entry + 32) else {
          return nil
        }
        return place(offset, size).map { (entry, $0) }
      }
  }

  /// libFuzzer's mutation of a part, which keeps its size.
  private mutating func change(_ range: Range<Int>) {
    var changed = part(range)
    _ = unsafe changed.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return 0 }
      return unsafe libFuzzerMutate(start, buffer.count, buffer.count)
    }
    put(changed, at: range.lowerBound)
  }

  /// A mutation of the table, which may change its size where it stands at the file's end.
  private mutating func change(_ table: Range<Int>, record: Int, limit: Int) {
    guard table.upperBound == bytes.count else { return change(table) }
    var changed = part(table)
    let room = max(changed.count, min(changed.count + 64, limit - table.lowerBound))
    changed += [UInt8](repeating: 0, count: room - changed.count)
    let size = unsafe changed.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return 0 }
      return unsafe libFuzzerMutate(start, table.count, room)
    }
    bytes.replaceSubrange(table, with: changed[..<size])
    put(size, at: record + 24)
    put(bytes.count, at: record + 32)
  }
}
