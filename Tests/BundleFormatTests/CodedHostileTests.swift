import BundleFormat
import Bytes
import TestSupport
import Testing

/// Coded sections made to hurt, with hashes that fit: what the hashes cover must hold too.
@Suite struct CodedHostileTests {
  let bundle: ModelBundle
  let content: [UInt8]

  init() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.ctpack")
    var writer = BundleWriter(path: path, storage: .coded, hasCopies: false)
    for tensor in [
      try CodedSamples.packed("w3", rows: 24, columns: 256, bits: 3, groupSize: 64, seed: 1),
      try CodedSamples.packed("w4", rows: 24, columns: 200, bits: 4, groupSize: 32, seed: 2),
      try CodedSamples.nm("n", rows: 20, columns: 150, kept: 2, of: 4, bits: 2, seed: 3),
      try CodedSamples.dense("d", shape: [40, 40], format: .float16, seed: 4),
    ] { writer.addTensor(tensor) }
    try writer.finish()
    content = try MappedFile(path: path).bytes.array
    bundle = try ModelBundle(bytes: ByteSlice(content), name: "memory")
    #expect(bundle.sections.count { $0.codec == .blocks } >= 7)
  }

  /// The file with other stored bytes in the section at `index`, and the hashes that belong to it.
  private func file(_ index: Int, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    let section = bundle.sections[index]
    let range = section.offset..<section.offset + section.storedSize
    var stored = Array(content[range])
    change(&stored)
    var bytes = content
    bytes.replaceSubrange(range, with: stored)
    let table = bundle.tableExtent
    let entry = table.offset + 32 + 96 * index
    bytes.replaceSubrange(entry + 48..<entry + 64, with: XXH3Digest(hashing: stored).bytes)
    let changed = Array(bytes[table.offset..<table.end])
    bytes.replaceSubrange(8192 + 40..<8192 + 56, with: XXH3Digest(hashing: changed).bytes)
    bytes.replaceSubrange(8192 + 56..<8192 + 88, with: SHA256Digest(hashing: changed).bytes)
    let own = XXH3Digest(hashing: Array(bytes[8192..<8192 + 104])).bytes
    bytes.replaceSubrange(8192 + 104..<8192 + 120, with: own)
    return bytes
  }

  private func errors(_ bytes: [UInt8], _ level: Verification = .full) -> [Problem] {
    ModelBundle.audit(bytes: ByteSlice(bytes), name: "memory", level: level)
      .filter { $0.severity == .error }
  }

  @Test func theHelperKeepsTheHashesRight() {
    for index in bundle.sections.indices {
      #expect(errors(file(index) { _ in }).isEmpty)
      #expect(errors(file(index) { $0[$0.count - 1] ^= 1 }, .fast).isEmpty)
    }
  }

  /// Header and index, every byte, several values: found, named and never a crash.
  @Test func everyByteOfTheIndexIsChecked() throws {
    for (index, section) in bundle.sections.enumerated() where section.codec == .blocks {
      for at in 0..<16 {
        for value: UInt8 in [0, 1, 2, 3, 7, 8, 9, 0x7F, 0x80, 0xFF] {
          let bytes = file(index) { $0[at] = value }
          guard bytes != content else { continue }
          let found = errors(bytes)
          if found.isEmpty {
            // Runs that are in order anyway may be called sorted; nothing else may pass.
            #expect(at == 12 && value == 2, "\(section.label): \(value) at \(at)")
            let other = try ModelBundle(bytes: ByteSlice(bytes), name: "memory")
            #expect(
              try other.bytes(of: other.sections[index]).array == bundle.bytes(of: section).array)
          }
          #expect(found.allSatisfy { $0.place.contains(section.name) }, "\(found)")
        }
      }
    }
  }

  /// Damage inside a frame is found, unless the frame decodes to the same.
  @Test func damagedFramesNeverPassForOthers() throws {
    for (index, section) in bundle.sections.enumerated() where section.codec == .blocks {
      let step = max(1, section.storedSize / 150)
      for at in stride(from: 16, to: section.storedSize, by: step) {
        let bytes = file(index) { $0[at] ^= 1 << UInt8(at % 8) }
        if errors(bytes).isEmpty {
          let other = try ModelBundle(bytes: ByteSlice(bytes), name: "memory")
          #expect(
            try other.bytes(of: other.sections[index]).array
              == bundle.bytes(of: section).array)
        }
      }
    }
  }

  /// Several random bytes at once: the section means what it did, or the damage is found and named.
  @Test func randomDamageIsFound() throws {
    var random = TestRandom()
    for round in 0..<400 {
      let index = random.below(bundle.sections.count)
      let section = bundle.sections[index]
      let bytes = file(index) { stored in
        for _ in 0..<1 + random.below(6) {
          let reach = random.below(2) == 0 ? min(32, stored.count) : stored.count
          stored[random.below(reach)] = UInt8(random.below(256))
        }
      }
      let found = errors(bytes)
      let note: Comment = "\(section.label), round \(round), \(random.note)"
      if found.isEmpty {
        let other = try ModelBundle(bytes: ByteSlice(bytes), name: "memory")
        #expect(
          try other.bytes(of: other.sections[index]).array == bundle.bytes(of: section).array, note)
      }
      #expect(found.allSatisfy { $0.place.contains(section.name) }, note)
    }
  }

  /// A reader that doesn't verify is told which file, which section and what is wrong.
  @Test func readersSayWhatTheyFound() throws {
    let index = try #require(bundle.sections.firstIndex { $0.type == .tensorCodes })
    let broken = try ModelBundle(
      bytes: ByteSlice(file(index) { $0[8 + 3] = 0x7F }), name: "memory.ctpack")
    let name = broken.sections[index].name
    let failure = #expect(throws: Failure.self) { try broken.tensor(named: name) }
    #expect(failure?.kind == .invalidData && failure?.file == "memory.ctpack")
    #expect(failure?.place == broken.sections[index].label)
    #expect(failure?.finding.contains("coded block 0") == true)
    #expect(throws: Failure.self) { try broken.decodeTensors() }
  }
}
