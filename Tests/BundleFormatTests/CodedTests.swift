import BundleFormat
import Bytes
import TestSupport
import Testing

/// Coded storage beside the mapped one: the same bundle, smaller.
@Suite struct CodedTests {
  let folder: TemporaryFolder
  let mapped: String
  let coded: String

  init() throws {
    folder = try TemporaryFolder()
    mapped = folder.file("mapped.ctpack")
    coded = folder.file("coded.ctpack")
    try CodedSamples.write(mapped, storage: .mapped)
    try CodedSamples.write(coded, storage: .coded)
  }

  private func content(_ path: String) throws -> [UInt8] { try MappedFile(path: path).bytes.array }

  @Test func bothFormsHoldTheSame() throws {
    let plain = try ModelBundle(path: mapped, verify: .full)
    let small = try ModelBundle(path: coded, verify: .full)
    #expect(small.check(.full).isEmpty)
    #expect(plain.storage == .mapped && small.storage == .coded)
    #expect(plain.canonicalDigest == small.canonicalDigest)
    #expect(plain.weightsDigest == small.weightsDigest)
    #expect(small.fileBytes < plain.fileBytes * 95 / 100)
    for (a, b) in zip(plain.sections, small.sections) {
      #expect(a.codec != .blocks && a.label == b.label && a.sha256 == b.sha256)
      #expect(try plain.bytes(of: a).array == small.bytes(of: b).array, "\(b.label)")
      // Only what saves 2 % is coded.
      if b.codec == .blocks { #expect(b.storedSize * 50 <= b.rawSize * 49, "\(b.label)") }
    }
    for tensor in try CodedSamples.tensors() {
      let found = try #require(try small.tensor(named: tensor.descriptor.name))
      #expect(found.descriptor == tensor.descriptor)
      // The largest one's bytes were compared above.
      if tensor.descriptor.parameters > 1_000_000 { continue }
      #expect(try found.dequantized() == tensor.dequantized(), "\(tensor.descriptor.name)")
    }
  }

  /// Each way of coding is in use, so that the tests above are about all of them.
  @Test func everyWayOfCodingIsUsed() throws {
    let bundle = try ModelBundle(path: coded)
    func section(_ type: SectionType, _ name: String) throws -> Section {
      try #require(bundle.section(type, named: name))
    }
    for bits in [2, 3, 4, 8] {
      #expect(try section(.tensorCodes, "p\(bits).even").codec == .blocks, "\(bits) bits")
      #expect(try section(.tensorCodes, "m\(bits).some").codec == .blocks, "\(bits) bits")
    }
    for name in ["d.f16", "d.bf16", "d.long"] {
      #expect(try section(.tensorDense, name).codec == .blocks, "\(name)")
    }
    #expect(try section(.tensorScales, "p4.odd").codec == .blocks)
    #expect(try section(.tensorZeros, "p3.odd").codec == .blocks)
    for name in ["n3.2of4", "n.4of8"] {
      #expect(try section(.tensorIndex, name).codec == .blocks, "\(name)")
    }
    // Too small, empty, or nothing to gain.
    #expect(try section(.tensorCodes, "p3.one").codec == .none)
    #expect(try section(.tensorCodes, "m3.none").rawSize == 0)
    let several = try section(.tensorCodes, "blocks")
    #expect(several.rawSize > 786_240)
    let read = { (section: Section) throws in
      let stored = try MappedFile(path: coded).bytes
        .slice(section.offset..<section.offset + section.storedSize)
      return try CodedBlocks(parsing: try #require(stored), section: section)
    }
    #expect(try read(several).blocks.count == 2)
    #expect(try read(several).isOrdered && read(several).transform == .pairs)
    for name in ["p4.even", "m.sorted", "n.sorted"] {
      #expect(try read(section(.tensorCodes, name)).isOrdered, "\(name)")
    }
    // A run of interleaved rows has no zero point of its own.
    for bits in [2, 3, 4] {
      for kind in ["mask", "2of4"] {
        let codes = try section(.tensorCodes, "i\(bits).\(kind)")
        #expect(try codes.codec == .blocks && !read(codes).isOrdered, "\(codes.label)")
      }
    }
    #expect(try read(section(.tensorScales, "p4.odd")).transform == .halves)
    #expect(try read(section(.tensorIndex, "n3.2of4")).transform == .symbols(width: 6))
    #expect(try read(section(.tensorIndex, "n.4of8")).transform == .symbols(width: 7))
  }

  @Test func recodingThereAndBackGivesTheSameBytes() throws {
    let (there, back) = (folder.file("there"), folder.file("back"))
    let digest = try ModelBundle(path: mapped).canonicalDigest
    #expect(try BundleEditor.recode(mapped, to: there, storage: .coded) == digest)
    #expect(try content(there) == content(coded))
    #expect(try BundleEditor.recode(there, to: back, storage: .mapped) == digest)
    #expect(try content(back) == content(mapped))
    #expect(try BundleEditor.recode(coded, to: there, storage: .coded) == digest)
    #expect(try content(there) == content(coded))
    #expect(try BundleEditor.compact(coded, to: back) == digest)
    #expect(try content(back) == content(coded))
  }

  @Test func recodingRefusesItsOwnInputAndDamage() throws {
    let before = try content(coded)
    let own = #expect(throws: Failure.self) {
      try BundleEditor.recode(coded, to: folder.path + "/./coded.ctpack", storage: .mapped)
    }
    #expect(own?.kind == .usage)
    #expect(try content(coded) == before)
    for path in [mapped, coded] {
      let bundle = try ModelBundle(path: path)
      let section = try #require(bundle.section(.tensorCodes, named: "blocks"))
      var bytes = try content(path)
      bytes[section.offset + section.storedSize / 2] ^= 1
      try folder.write("damaged", bytes)
      for storage in TensorStorage.allCases {
        let failure = #expect(throws: Failure.self) {
          try BundleEditor.recode(folder.file("damaged"), to: folder.file("o"), storage: storage)
        }
        #expect(failure?.kind == .invalidData)
        #expect(failure?.place == "tensorCodes \"blocks\"")
        #expect(!folder.names.contains("o"))
      }
    }
  }

  /// Nobody's memory is filled with what nobody uses, and nobody decodes what somebody has.
  @Test func sectionsAreDecodedOnceWhileInUse() throws {
    let bundle = try ModelBundle(path: coded)
    func address(_ bytes: ByteSlice) -> UInt {
      unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
    let held = try bundle.decodeTensors()
    #expect(held.count == bundle.sections.count { $0.codec == .blocks })
    let known = Set(held.map(address))
    let tensor = try #require(try bundle.tensor(named: "blocks"))
    let codes = try #require(tensor.codes)
    withExtendedLifetime(held) { #expect(known.contains(address(codes))) }
    #expect(tensor.codes?.isAligned(to: 64) == true)
    #expect(try ModelBundle(path: mapped).decodeTensors().isEmpty)
  }

  /// A prompt is put onto a coded bundle without its tensors being touched.
  @Test func editsInPlaceKeepCodedTensors() throws {
    let before = try ModelBundle(path: coded)
    let size = before.fileBytes
    try BundleEditor.append(
      to: coded, sections: [.adapter(Samples.prompt("two", weights: before.weightsDigest))])
    let after = try ModelBundle(path: coded, verify: .full)
    #expect(after.check(.full).isEmpty)
    #expect(after.storage == .coded && after.weightsDigest == before.weightsDigest)
    #expect(try after.adapters.map(\.name) == ["demo", "two"])
    #expect(after.fileBytes - size < 100_000)
    for section in before.sections where section.codec == .blocks {
      #expect(after.sections.contains(section))
    }
  }

  @Test func theFootprintAddsUp() throws {
    let (plainFile, smallFile) = (try ModelBundle(path: mapped), try ModelBundle(path: coded))
    let (plain, small) = (try plainFile.footprint(), try smallFile.footprint())
    #expect(plain.bitsPerWeight(.stored) == small.bitsPerWeight(.mapped))
    #expect(small.bitsPerWeight(.stored) < small.bitsPerWeight(.mapped))
    let compressed = plainFile.descriptors.filter { $0.isPacked || $0.sparsity != nil }
    #expect(plain.parameters == compressed.reduce(0) { $0 + $1.parameters })
    let parts: [SectionType] = [
      .tensorCodes, .tensorScales, .tensorZeros, .tensorMask, .tensorIndex,
    ]
    for (part, type) in zip(Footprint.Part.allCases, parts) {
      let sizes = smallFile.sections(of: type).map { ($0.storedSize, $0.rawSize) }
      #expect(small.bytes(part, .stored) == sizes.reduce(0) { $0 + $1.0 })
      #expect(small.bytes(part, .mapped) == sizes.reduce(0) { $0 + $1.1 })
    }
    let entropy = try smallFile.codeEntropy()
    #expect(try entropy == plainFile.codeEntropy())
    #expect(entropy.codes > 0 && entropy.codes < plain.bitsPerWeight(.codes, .mapped))
  }

  /// Half of 4-bit codes 3, a quarter each 4 and 9: 1.5 bits; half of the weights kept: 1 bit.
  @Test func theEntropyIsWhatTheTextbookSays() throws {
    let kept = (0..<16 * 128).map { $0 % 2 == 0 }
    let codes: [UInt8] = (0..<1024).map { [3, 4, 3, 9][$0 % 4] }
    var writer = BundleWriter(path: folder.file("e"))
    writer.addTensor(
      try .packed(
        name: "w", shape: [16, 128], bits: 4, groupSize: 64,
        codes: ByteSlice(Planar.pack(codes, bits: 4)), scales: CodedSamples.scales(32, seed: 1),
        zeros: ByteSlice(Planar.pack((0..<32).map { 7 + $0 % 2 }, bits: 4)),
        mask: .bitmask(ByteSlice(Bitmask.pack(kept, rows: 16, columns: 128)))))
    try writer.finish()
    let entropy = try ModelBundle(path: folder.file("e")).codeEntropy()
    #expect(abs(entropy.codes - 0.75) < 1e-12)
    #expect(abs(entropy.mask - 1) < 1e-12)
    #expect(abs(entropy.zeros - 1.0 / 64) < 1e-12)
    #expect(entropy.index == 0)
  }
}
