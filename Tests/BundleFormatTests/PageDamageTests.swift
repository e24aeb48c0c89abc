import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Each page of a bundle lost in turn: the audit says so, and recovery gives back all the rest.
@Suite struct PageDamageTests {
  enum Fill: String, CaseIterable, Sendable {
    case zeros, noise
  }

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Four tensors that each take more than a page, two prompts, and documents of several pages.
  private func write(_ name: String) throws -> String {
    let path = folder.file(name)
    var random = TestRandom(fixture: 11)
    var writer = BundleWriter(path: path)
    for index in 0..<3 {
      writer.addTensor(
        try Samples.packed(
          "w\(index)", rows: 40, columns: 256, bits: 4, groupSize: 64, symmetric: index == 1,
          seed: index))
    }
    writer.addTensor(try Samples.dense("norm", shape: [1500], format: .float32, seed: 9))
    let weights = try writer.weightsDigest()
    for name in ["demo", "other"] { writer.addAdapter(Samples.prompt(name, weights: weights)) }
    let letters = (0..<9000).map { _ in UInt8(97 + random.below(26)) }
    writer.add(.document(.recipe, bytes: ByteSlice(letters)))
    writer.add(.document(.tokenizer, bytes: Samples.tokenizer))
    writer.add(.document(.modelConfiguration, json: ["family": "llama", "layers": 1]))
    writer.add(.provenance(Samples.provenance))
    writer.add(.evidence([Samples.evidence]))
    try writer.finish()
    return path
  }

  private func damaged(_ content: [UInt8], page: Int, _ fill: Fill) -> [UInt8] {
    var bytes = content
    let range = page * 4096..<min(bytes.count, (page + 1) * 4096)
    var random = TestRandom(fixture: UInt64(page))
    bytes.replaceSubrange(
      range,
      with: fill == .zeros
        ? [UInt8](repeating: 0, count: range.count)
        : random.bytes(range.count))
    return bytes
  }

  private func recover(_ bytes: [UInt8]) throws -> (report: BundleRecovery, bundle: ModelBundle) {
    let path = try folder.write("damaged.ctpack", bytes)
    let target = folder.file("recovered.ctpack")
    try? FileManager.default.removeItem(atPath: target)
    let report = try BundleRecovery(path, to: target)
    return (report, try ModelBundle(path: target, verify: .full))
  }

  /// The checks of one lost page, if anything in it was lost.
  private func check(
    _ original: ModelBundle, _ content: [UInt8], page: Int, _ fill: Fill
  ) throws {
    let bytes = damaged(content, page: page, fill)
    guard bytes != content else { return }
    let note: Comment = "page \(page), \(fill)"
    let range = page * 4096..<(page + 1) * 4096
    let isFree = original.freeExtents.contains {
      $0.offset <= range.lowerBound && min(range.upperBound, content.count) <= $0.end
    }
    let errors = ModelBundle.audit(bytes: ByteSlice(bytes), name: "memory", level: .fast)
      .filter { $0.severity == .error }
    #expect(errors.isEmpty == isFree, note)
    let (report, recovered) = try recover(bytes)
    #expect(report.generation == original.generation, note)
    let hit = original.sections.filter { $0.offset < range.upperBound && $0.end > range.lowerBound }
    let lost = hit.filter { $0.typeID < 32 }
    let tensors = Set(lost.filter { $0.typeID < 16 }.map(\.name))
    for section in original.sections {
      if lost.contains(section) || (section.typeID < 16 && tensors.contains(section.name)) {
        #expect(report.losses.contains { $0.name == section.label }, note)
        continue
      }
      let type = try #require(section.type)
      let back = try #require(recovered.section(type, named: section.name), note)
      #expect(try recovered.bytes(of: back).array == original.bytes(of: section).array, note)
      var attributes = section.attributes
      if !tensors.isEmpty, section.typeID == 16 { attributes["unvalidated"] = true }
      #expect(back.attributes == attributes && back.flags == section.flags, note)
    }
    #expect(report.losses.isEmpty == lost.isEmpty, note)
    if lost.isEmpty { #expect(recovered.canonicalDigest == original.canonicalDigest, note) }
  }

  @Test(arguments: Fill.allCases)
  func everyPageOfAFreshBundle(fill: Fill) throws {
    let path = try write("a.ctpack")
    let content = try folder.read("a.ctpack")
    let original = try ModelBundle(path: path)
    #expect(content.count > 12 * 4096)
    for page in 0..<(content.count + 4095) / 4096 {
      try check(original, content, page: page, fill)
    }
  }

  /// The newest state comes back whichever page is lost, its commit record included.
  @Test(arguments: Fill.allCases)
  func everyPageOfAnEditedBundle(fill: Fill) throws {
    let path = try write("a.ctpack")
    for generation in [2, 3] {
      try BundleEditor.append(
        to: path,
        sections: [
          .adapter(Samples.prompt("g\(generation)", weights: nil, unvalidated: true)),
          .evidence([Samples.evidence, Samples.evidence]),
        ])
      let content = try folder.read("a.ctpack")
      let original = try ModelBundle(path: path)
      #expect(Int(original.generation) == generation)
      for page in 0..<(content.count + 4095) / 4096 {
        try check(original, content, page: page, fill)
      }
    }
  }

  /// The file cut short anywhere after its backup: the rest comes back.
  @Test func aTruncatedFileKeepsItsContent() throws {
    let path = try write("a.ctpack")
    let original = try ModelBundle(path: path)
    let content = try folder.read("a.ctpack")
    let backup = try #require(original.recoveryCopies.first { $0.type == .backup })
    for length in [backup.end, original.tableExtent.offset, content.count - 1] {
      let (report, recovered) = try recover(Array(content[..<length]))
      #expect(report.losses.isEmpty && !report.damage.isEmpty, "length \(length)")
      #expect(recovered.canonicalDigest == original.canonicalDigest, "length \(length)")
    }
  }

  /// No page holds both an original and its copy.
  @Test func copiesAreFarFromTheirOriginals() throws {
    let original = try ModelBundle(path: write("a.ctpack"))
    let backup = try #require(original.recoveryCopies.first { $0.type == .backup })
    #expect(backup.offset % 4096 == 0 && backup.storedSize % 4096 == 0)
    func pages(_ offset: Int, _ end: Int) -> Set<Int> { Set(offset / 4096...(end - 1) / 4096) }
    let table = pages(original.tableExtent.offset, original.tableExtent.end)
    #expect(table.isDisjoint(with: pages(backup.offset, backup.end)))
    var count = 0
    for section in original.sections where section.typeID >= 32 {
      let copy = try #require(
        original.recoveryCopies.first { $0.name == "\(section.typeID):\(section.name)" })
      #expect(pages(section.offset, section.end).isDisjoint(with: pages(copy.offset, copy.end)))
      count += 1
    }
    #expect(count == 5)
  }
}
