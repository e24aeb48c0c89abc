import BundleFormat
import Bytes
import TestSupport
import Testing

/// Bundles that describe more than they store: refused at a limit, before they take the memory.
@Suite struct BudgetTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
  }

  /// `["…",1,1,…]`: as many ones, and random text so that it compresses 40- to 60-fold.
  private func dense(_ ones: Int) -> [UInt8] {
    var random = TestRandom(fixture: 1)
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    let noise = (0..<ones / 18).map { _ in letters[random.below(letters.count)] }
    var text = Array("[\"".utf8) + noise + Array("\"".utf8)
    for _ in 0..<ones { text += [UInt8(ascii: ","), UInt8(ascii: "1")] }
    return text + [UInt8(ascii: "]")]
  }

  /// A text section with this content, made a JSON document by a change of its table entry.
  private func bundle(_ text: [UInt8], as type: SectionType) throws -> ByteSlice {
    var writer = BundleWriter(path: path)
    writer.add(
      type: .licence, layout: .text, name: ModelBundle.documentName(type), bytes: ByteSlice(text))
    try writer.finish()
    #expect(try ModelBundle(path: path).sections[0].codec == .zstd)
    return try PatchedTable.bytes(of: path, entry: 0) { entry in
      entry[entry.startIndex] = UInt8(type.rawValue)
      entry[entry.startIndex + 2] = UInt8(PackingLayout.json.rawValue)
    }
  }

  @Test(arguments: [SectionType.evidence, .events, .ledger, .provenance, .tokenizer])
  func denseDocumentsAreRefused(type: SectionType) throws {
    let bytes = try bundle(dense(2_000_000), as: type)
    #expect(ModelBundle.audit(bytes: bytes, name: "memory", level: .fast).isEmpty)
    let found = ModelBundle.audit(bytes: bytes, name: "memory", level: .full)
    #expect(found.contains { $0.place.hasPrefix("\(type)") && $0.finding.contains("the limit") })
    let opened = try ModelBundle(bytes: bytes, name: "memory")
    let limit = 32 * opened.sections[0].storedSize + 32 << 20
    if type == .ledger {
      let failure = #expect(throws: Failure.self) { try opened.ledger }
      #expect(failure?.kind == .invalidData && failure?.file == "memory")
      #expect(failure?.finding.contains("\(limit) bytes") == true)
    }
  }

  /// A document that no reader could read compressed is stored without a codec.
  @Test func writersLeaveDenseDocumentsUncompressed() throws {
    var writer = BundleWriter(path: path)
    let text = dense(1_700_000)
    writer.add(.document(.ledger, bytes: ByteSlice(text), layout: .json))
    try writer.finish()
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.sections[0].codec == .none)
    #expect(try bundle.ledger?.array?.count == 1_700_001)
  }

  /// All attributes share one budget, so that many sections can't take what one may not.
  @Test func denseAttributesAreRefused() throws {
    var writer = BundleWriter(path: path)
    let ones = JSON.array([JSON](repeating: 1, count: 1_500_000))
    for index in 0..<2 {
      writer.add(
        type: .licence, layout: .text, name: "l\(index)", attributes: ["a": ones],
        bytes: ByteSlice([0x61]))
    }
    try writer.finishUnchecked()
    let failure = #expect(throws: Failure.self) { try ModelBundle(path: path) }
    #expect(failure?.kind == .invalidData && failure?.file == path)
    #expect(failure?.place?.contains("entry 1") == true)
    #expect(failure?.finding.contains("the limit") == true)
  }

  /// The audit tells valid survivor indices as unpacking them does, without unpacking them.
  @Test(arguments: [(2, 4), (1, 32), (3, 8), (5, 16), (1, 2), (15, 32)])
  func survivorIndicesAreCheckedWithoutFlags(kept: Int, of: Int) throws {
    let pattern = try #require(NMPattern(kept: kept, of: of))
    var random = TestRandom("\(kept) of \(of)")
    for trial in 0..<24 {
      let (rows, columns) = (1 + random.below(5), 1 + random.below(80))
      let size = try #require(pattern.size(rows: rows, columns: columns))
      let survivors = try #require(pattern.survivors(rows: rows, columns: columns))
      var index = random.bytes(size)
      if trial % 2 == 0 {
        // Low ranks are valid.
        for at in index.indices { index[at] &= trial % 4 == 0 ? 0 : 0x11 }
      }
      var writer = BundleWriter(path: path)
      writer.addTensor(
        try .dense(
          name: "w", shape: [rows, columns], format: .float16,
          values: ByteSlice([UInt8](repeating: 0, count: 2 * survivors)),
          mask: .nm(pattern, ByteSlice(index))))
      try writer.finish()
      let isValid = pattern.unpack(ByteSlice(index), rows: rows, columns: columns) != nil
      let problems = try ModelBundle.audit(path: path, level: .full)
      #expect(problems.isEmpty == isValid, "\(rows) × \(columns): \(problems)")
      if !isValid { #expect(problems[0].finding.contains("survivor index")) }
    }
  }
}
