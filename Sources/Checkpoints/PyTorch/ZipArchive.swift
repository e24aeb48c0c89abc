import Bytes

/// The byte ranges of a zip archive's entries, which must be uncompressed, as in `torch.save`
/// files.
///
/// ```
/// | local header, name, extra, data | … | central directory | [zip64 end, locator] | end |
/// ```
/// The central directory, located from the file's end, gives the offsets of the local headers. All
/// numbers are little-endian. The value 2³² − 1 refers to an extra field for the number (zip64).
struct ZipArchive {
  let bytes: ByteSlice
  let path: String
  /// The byte range of each entry's data, by name.
  private(set) var entries: [String: Range<Int>] = [:]

  private enum Signature {
    static let local: UInt32 = 0x0403_4B50
    static let central: UInt32 = 0x0201_4B50
    static let end: UInt32 = 0x0605_4B50
    static let wideEnd: UInt32 = 0x0606_4B50
    static let wideLocator: UInt32 = 0x0706_4B50
  }
  private static let centralSize = 46
  private static let localSize = 30
  private static let endSize = 22

  /// - Throws: `invalidData` if the bytes aren't such an archive, from the first to the last entry.
  init(bytes: ByteSlice, path: String) throws(Failure) {
    self.bytes = bytes
    self.path = path
    let (count, directory) = try findDirectory()
    var place = directory.lowerBound
    for _ in 0..<count { try readEntry(&place, end: directory.upperBound) }
    guard place == directory.upperBound else {
      throw refuse(place, "the zip directory's \(count) entries end before it does")
    }
    try checkOverlap()
  }

  /// Refuses entries that share bytes: many of them would together be far larger than the file.
  private func checkOverlap() throws(Failure) {
    let sorted = entries.sorted { $0.value.lowerBound < $1.value.lowerBound }
    var end = 0
    for (name, range) in sorted where !range.isEmpty {
      guard range.lowerBound >= end else {
        throw refuse(range.lowerBound, "the entry \(name.quoted) overlaps another one")
      }
      end = range.upperBound
    }
  }

  private func refuse(_ place: Int, _ finding: String) -> Failure {
    Failure(
      .invalidData, file: path, at: "byte \(place)", finding,
      advice: "the file is damaged or was cut short; fetch it again")
  }

  private func number<T: FixedWidthInteger>(_ place: Int, _ type: T.Type) throws(Failure) -> Int {
    guard let value = bytes.integer(at: place, as: T.self) else {
      throw refuse(place, "the file ends inside a zip header")
    }
    guard let number = Int(exactly: value) else {
      throw refuse(place, "\(value) is too large a number for a zip header")
    }
    return number
  }

  private func isSignature(_ signature: UInt32, at place: Int) -> Bool {
    bytes.integer(at: place, as: UInt32.self) == signature
  }

  /// The number of entries and the byte range of the central directory.
  private func findDirectory() throws(Failure) -> (count: Int, place: Range<Int>) {
    let last = bytes.count - Self.endSize
    // A comment of at most 65,535 bytes may follow the end record, whose last field is its length.
    let end = stride(from: last, through: max(0, last - 65_535), by: -1).first {
      isSignature(Signature.end, at: $0)
        && bytes.integer(at: $0 + 20, as: UInt16.self).map(Int.init) == last - $0
    }
    guard let end else { throw refuse(bytes.count, "the end of a zip archive is missing") }
    var count = try number(end + 10, UInt16.self)
    var size = try number(end + 12, UInt32.self)
    var start = try number(end + 16, UInt32.self)
    var limit = end
    if isSignature(Signature.wideLocator, at: end - 20) {
      let wide = try number(end - 12, UInt64.self)
      guard isSignature(Signature.wideEnd, at: wide) else {
        throw refuse(wide, "there is no zip64 end record at the place that its locator gives")
      }
      count = try number(wide + 32, UInt64.self)
      size = try number(wide + 40, UInt64.self)
      start = try number(wide + 48, UInt64.self)
      limit = wide
    }
    guard start <= limit, size <= limit - start else {
      throw refuse(end, "the zip directory (\(size) bytes from \(start)) isn't inside the file")
    }
    guard count <= size / Self.centralSize else {
      throw refuse(end, "the zip directory of \(size) bytes can't hold \(count) entries")
    }
    return (count, start..<start + size)
  }

  private mutating func readEntry(_ place: inout Int, end: Int) throws(Failure) {
    let header = place
    guard isSignature(Signature.central, at: header) else {
      throw refuse(header, "no entry of the zip directory starts here")
    }
    let flags = try number(header + 8, UInt16.self)
    let method = try number(header + 10, UInt16.self)
    var packed = try number(header + 20, UInt32.self)
    var size = try number(header + 24, UInt32.self)
    let nameLength = try number(header + 28, UInt16.self)
    let extraLength = try number(header + 30, UInt16.self)
    let commentLength = try number(header + 32, UInt16.self)
    var local = try number(header + 42, UInt32.self)
    let extra = header + Self.centralSize + nameLength
    place = extra + extraLength + commentLength
    guard place <= end, let name = text(header + Self.centralSize, nameLength) else {
      throw refuse(
        header, "an entry of the zip directory reaches beyond it, or has an invalid name")
    }
    try readWide(extra..<extra + extraLength, &size, &packed, &local)
    guard method == 0, flags & 1 == 0, packed == size else {
      throw refuse(
        header, "the entry \(name.quoted) is compressed or encrypted; torch.save stores its entries"
      )
    }
    let data = try self.data(of: name, local: local, size: size)
    guard entries.updateValue(data, forKey: name) == nil else {
      throw refuse(header, "the entry \(name.quoted) appears twice")
    }
  }

  /// Reads the zip64 extra field: eight bytes for each number that didn't fit, in this order.
  private func readWide(
    _ extra: Range<Int>, _ size: inout Int, _ packed: inout Int, _ local: inout Int
  ) throws(Failure) {
    var place = extra.lowerBound
    while place + 4 <= extra.upperBound {
      let id = try number(place, UInt16.self)
      let length = try number(place + 2, UInt16.self)
      let end = place + 4 + length
      guard end <= extra.upperBound else {
        throw refuse(place, "a zip extra field reaches beyond its entry")
      }
      var field = place + 4
      func next(_ value: inout Int) throws(Failure) {
        guard id == 1, value == Int(UInt32.max) else { return }
        guard field + 8 <= end else { throw refuse(field, "a zip64 field is too short") }
        value = try number(field, UInt64.self)
        field += 8
      }
      try next(&size)
      try next(&packed)
      try next(&local)
      place = end
    }
  }

  private func data(of name: String, local: Int, size: Int) throws(Failure) -> Range<Int> {
    guard local <= bytes.count - Self.localSize, isSignature(Signature.local, at: local) else {
      throw refuse(local, "the entry \(name.quoted) doesn't start where the directory says")
    }
    let nameLength = try number(local + 26, UInt16.self)
    let start = local + Self.localSize + nameLength + (try number(local + 28, UInt16.self))
    guard text(local + Self.localSize, nameLength) == name else {
      throw refuse(local, "the entry \(name.quoted) has another name in its local header")
    }
    guard start <= bytes.count, size <= bytes.count - start else {
      throw refuse(local, "the entry \(name.quoted) of \(size) bytes reaches beyond the file")
    }
    return start..<start + size
  }

  private func text(_ place: Int, _ length: Int) -> String? {
    bytes.slice(place..<place + length).flatMap { String(validating: $0.array, as: UTF8.self) }
  }
}
