import BundleFormat
import Bytes
import TestSupport
import Testing

/// Files that were damaged by accident or made to hurt: always an answer, never a crash.
@Suite struct HostileInputTests {
  let folder: TemporaryFolder
  let path: String
  let content: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt("two", weights: nil, unvalidated: true))],
      removing: [.init(type: .prompt, name: "demo")])
    content = try MappedFile(path: path).bytes.array
  }

  private func errors(_ bytes: [UInt8], _ level: Verification) -> [Problem] {
    ModelBundle.audit(bytes: ByteSlice(bytes), name: "memory", level: level)
      .filter { $0.severity == .error }
  }

  /// Bytes in free extents are the old table and the removed prompt: nothing reads them.
  private func freeBytes() throws -> Set<Int> {
    let bundle = try ModelBundle(path: path)
    var used = Set(0..<12288)
    for section in bundle.sections + bundle.recoveryCopies {
      used.formUnion(section.offset..<section.offset + section.storedSize)
    }
    let table = bundle.tableExtent
    used.formUnion(table.offset..<table.end)
    var free: Set<Int> = []
    for extent in bundle.freeExtents { free.formUnion(extent.offset..<extent.end) }
    #expect(free.isDisjoint(with: used))
    return free
  }

  @Test func everyFlippedBitIsFound() throws {
    let free = try freeBytes()
    #expect(!free.isEmpty)
    // Of the wide zero areas between header and sections, every 31st byte, and of the copies for
    // recovery with the zeros at their end; of everything else, each.
    let copies = try ModelBundle(path: path).recoveryCopies.map { $0.offset..<$0.end }
    let isWide: (Int) -> Bool = { at in
      (64..<4096).contains(at) || (4224..<8192).contains(at) || (8320..<12288).contains(at)
        || copies.contains { $0.contains(at) }
    }
    for at in content.indices where !free.contains(at) && (!isWide(at) || at % 31 == 0) {
      var bytes = content
      bytes[at] ^= 1 << UInt8(at % 8)
      #expect(!errors(bytes, .fast).isEmpty, "byte \(at)")
    }
    for at in free where at % 7 == 0 {
      var bytes = content
      bytes[at] ^= 0x40
      #expect(errors(bytes, .full).isEmpty, "free byte \(at)")
    }
  }

  @Test func everyTruncationIsFound() throws {
    let lengths = Set(0..<200).union(Set(stride(from: 0, to: content.count, by: 61)))
      .union(4090..<4230).union(8190..<8330).union(12280..<12300)
      .union(content.count - 300..<content.count)
    for length in lengths {
      #expect(!errors(Array(content[..<length]), .none).isEmpty, "length \(length)")
    }
  }

  /// Several random bytes at once, some files cut short too: found, unless nothing but free extents changed.
  @Test func randomDamageIsFound() throws {
    var random = TestRandom()
    let free = try freeBytes()
    for round in 0..<300 {
      var bytes = content
      for _ in 0..<1 + random.below(8) {
        bytes[random.below(bytes.count)] = UInt8(random.below(256))
      }
      let isCut = random.below(4) == 0
      if isCut { bytes.removeLast(1 + random.below(bytes.count)) }
      let isHarmless =
        !isCut && content.indices.allSatisfy { bytes[$0] == content[$0] || free.contains($0) }
      let found = errors(bytes, .full)
      #expect(found.isEmpty == isHarmless, "round \(round), \(random.note)")
      #expect(found.allSatisfy { !$0.finding.isEmpty }, "round \(round), \(random.note)")
    }
  }

  /// Damage below the hashes: the table is rewritten with the right hashes around a wrong number, so
  /// that it is the checks of the numbers themselves that are reached.
  @Test func everyTableNumberIsChecked() throws {
    let bundle = try ModelBundle(path: path)
    let table = bundle.tableExtent
    let record = bundle.generation % 2 == 0 ? 4096 : 8192
    let extents = 32 + 96 * (bundle.sections.count + bundle.recoveryCopies.count)
    let texts = extents + 16 * bundle.freeExtents.count
    /// Types, layouts, flags and alignments, names and attributes can be others and still be valid; and a
    /// free extent may take in some of the zeros after it.
    func mayBeValid(_ at: Int) -> Bool {
      if at < 32 { return false }
      if at < extents { return (at - 32) % 96 < 10 || (at - 32) % 96 == 11 }
      return at >= texts || (at - extents) % 16 == 8
    }
    for at in 0..<table.size {
      let old = content[table.offset + at]
      for value in [old ^ 1 << UInt8(at % 8), old == 0xFF ? 0 : 0xFF] {
        var bytes = content
        bytes[table.offset + at] = value
        let changed = Array(bytes[table.offset..<table.end])
        bytes.replaceSubrange(record + 40..<record + 56, with: XXH3Digest(hashing: changed).bytes)
        bytes.replaceSubrange(record + 56..<record + 88, with: SHA256Digest(hashing: changed).bytes)
        let own = XXH3Digest(hashing: Array(bytes[record..<record + 104])).bytes
        bytes.replaceSubrange(record + 104..<record + 120, with: own)
        let found = errors(bytes, .full)
        #expect(!found.isEmpty || mayBeValid(at), "byte \(at) of the table, \(old) as \(value)")
      }
    }
  }

  @Test func otherFilesAreRefusedByName() throws {
    for bytes: [UInt8] in [[], [0x89], Array("GGUF".utf8) + [UInt8](repeating: 0, count: 20_000)] {
      let found = errors(bytes, .none)
      #expect(found.count == 1)
      #expect(found.first?.finding.contains("not a ctpack bundle") == true)
    }
    let failure = #expect(throws: Failure.self) {
      try ModelBundle.audit(path: folder.file("no"), level: .fast)
    }
    #expect(failure?.kind == .inputMissing)
  }
}
