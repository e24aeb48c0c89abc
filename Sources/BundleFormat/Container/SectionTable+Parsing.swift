import Bytes

/// Reading an untrusted table: its own hash is checked by the caller, everything else here.
extension SectionTable {
  /// The table of a commit record, whose extents must cover the file.
  init(parsing bytes: ByteSlice, record: CommitRecord, file: String) throws(Failure) {
    try self.init(parsing: bytes, generation: record.generation, file: file)
    try checkCover(record: record, file: file)
  }

  /// A table of the generation `generation` by itself; its extents aren't compared with a file.
  init(parsing bytes: ByteSlice, generation wanted: UInt64, file: String) throws(Failure) {
    func invalid(_ place: String, _ finding: String) -> Failure {
      Failure(.invalidData, file: file, at: "section table, \(place)", finding)
    }
    guard let magic = bytes.slice(0..<8), magic.array == Self.magic,
      let generation = bytes.integer(at: 8, as: UInt64.self),
      let count = bytes.integer(at: 16, as: UInt32.self),
      let freeCount = bytes.integer(at: 20, as: UInt32.self),
      let textSize = bytes.integer(at: 24, as: UInt64.self).flatMap(Int.init(exactly:))
    else { throw invalid("byte 0", "it doesn't begin as a section table") }
    guard generation == wanted else {
      throw invalid("byte 8", "generation \(generation), its commit record says \(wanted)")
    }
    guard count <= ContainerLayout.maximumSections, freeCount <= ContainerLayout.maximumFreeExtents,
      textSize <= ContainerLayout.maximumTableSize
    else { throw invalid("byte 16", "it claims more entries than the format allows") }
    let freeStart = Self.prefixSize + Int(count) * Self.entrySize
    let textStart = freeStart + Int(freeCount) * Self.extentSize
    guard textStart + textSize == bytes.count else {
      throw invalid(
        "byte 16", "its counts need \(textStart + textSize) bytes, it has \(bytes.count)")
    }
    self.generation = generation
    self.sections = []
    self.free = []
    var text = textStart
    var budget = InputBudget(
      bytes: bytes.count, factor: ContainerLayout.attributesFactor)
    for index in 0..<Int(count) {
      let start = Self.prefixSize + index * Self.entrySize
      guard let entry = bytes.slice(start..<start + Self.entrySize) else {
        throw invalid("entry \(index)", "the table ends inside it")
      }
      do throws(Failure) {
        sections.append(
          try Section(parsing: entry, texts: bytes, textOffset: &text, budget: &budget))
      } catch {
        throw invalid("entry \(index)" + (error.place.map { ", " + $0 } ?? ""), error.finding)
      }
      if index > 0, !Section.precedes(sections[index - 1], sections[index]) {
        throw invalid("entry \(index)", "\(sections[index].label) is out of order or there twice")
      }
    }
    guard text == bytes.count else { throw invalid("byte \(text)", "bytes after the last text") }
    for index in 0..<Int(freeCount) {
      let start = freeStart + index * Self.extentSize
      guard let offset = bytes.integer(at: start, as: UInt64.self).flatMap(Int.init(exactly:)),
        let size = bytes.integer(at: start + 8, as: UInt64.self).flatMap(Int.init(exactly:)),
        size > 0, !offset.addingReportingOverflow(size).overflow
      else { throw invalid("free extent \(index)", "its numbers are out of range") }
      free.append(Extent(offset: offset, size: size))
    }
  }
}

extension Section {
  fileprivate init(
    parsing entry: ByteSlice, texts: ByteSlice, textOffset: inout Int, budget: inout InputBudget
  ) throws(Failure) {
    func invalid(_ finding: String, _ place: String? = nil) -> Failure {
      Failure(.invalidData, at: place, finding)
    }
    func number<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) throws(Failure) -> T {
      guard let value = entry.integer(at: offset, as: type) else {
        throw invalid("it is too short")
      }
      return value
    }
    func size(_ offset: Int) throws(Failure) -> Int {
      guard let value = Int(exactly: try number(offset, UInt64.self)) else {
        throw invalid("a number beyond 63 bits")
      }
      return value
    }
    func text(_ count: UInt32, limit: Int, _ what: String) throws(Failure) -> ByteSlice {
      guard Int(count) <= limit, let slice = texts.slice(textOffset..<textOffset + Int(count))
      else {
        throw invalid("its \(what) of \(count) bytes is too long")
      }
      textOffset += Int(count)
      return slice
    }

    let nameBytes = try text(
      try number(12, UInt32.self), limit: ContainerLayout.maximumNameSize, "name")
    guard let name = String(validating: nameBytes.array, as: UTF8.self), !name.isEmpty,
      name.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
    else { throw invalid("its name is empty, not UTF-8 or holds control characters") }
    let attributeBytes = try text(
      try number(16, UInt32.self), limit: ContainerLayout.maximumAttributesSize, "attributes text")
    attributes = [:]
    if attributeBytes.count > 0 {
      let value: JSON
      do throws(Failure) {
        value = try JSON(parsing: attributeBytes, depthLimit: 32, budget: &budget)
      } catch {
        throw invalid("its attributes: \(error.finding)", "\"\(name)\"")
      }
      guard let object = value.object, !object.isEmpty, value.isCanonical(attributeBytes)
      else { throw invalid("its attributes aren't a canonical JSON object", "\"\(name)\"") }
      attributes = object
    }
    self.name = name
    typeID = try number(0, UInt16.self)
    layoutID = try number(2, UInt16.self)
    flags = SectionFlags(
      read: try number(4, UInt16.self), write: try number(6, UInt16.self),
      optional: try number(8, UInt16.self))
    guard let codec = Codec(rawValue: entry[10]) else {
      throw invalid("unknown codec \(entry[10])", "\"\(name)\"")
    }
    self.codec = codec
    let shift = Int(entry[11])
    guard ContainerLayout.alignmentShifts.contains(shift) else {
      throw invalid("alignment 2^\(shift) is out of range", "\"\(name)\"")
    }
    alignment = 1 << shift
    guard try number(20, UInt32.self) == 0 else {
      throw invalid("reserved bytes aren't zero", "\"\(name)\"")
    }
    offset = try size(24)
    storedSize = try size(32)
    rawSize = try size(40)
    guard offset % alignment == 0, !offset.addingReportingOverflow(storedSize).overflow else {
      throw invalid("offset \(offset) isn't a multiple of \(alignment) or overflows", "\"\(name)\"")
    }
    switch codec {
    case .none:
      guard rawSize == storedSize else {
        throw invalid("raw size \(rawSize) differs from the stored \(storedSize)", "\"\(name)\"")
      }
    case .zstd, .blocks:
      let (most, overflowed) = storedSize.multipliedReportingOverflow(
        by: ContainerLayout.maximumExpansion)
      guard !overflowed, rawSize <= most else {
        throw invalid(
          "raw size \(rawSize) is more than \(ContainerLayout.maximumExpansion) times the stored "
            + "\(storedSize)", "\"\(name)\"")
      }
    }
    guard let xxh3 = entry.slice(48..<64).flatMap({ XXH3Digest(bytes: $0.array) }),
      let sha256 = entry.slice(64..<96).flatMap({ SHA256Digest(bytes: $0.array) })
    else { throw invalid("it is too short") }
    self.xxh3 = xxh3
    self.sha256 = sha256
  }
}
