import BundleFormat
import Bytes
import TestSupport
import Testing

/// A writer checks what it writes by the reader's rules: what a reader would refuse isn't stored.
@Suite struct CommitCheckTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
  }

  /// Numbers that JSON doesn't have, in each place of a record; in a prompt's values and its record.
  private func unreadable() throws -> [(String, NewSection)] {
    var found: [(String, NewSection)] = []
    for value in [Double.infinity, -.infinity, .nan] {
      for (name, member) in [
        ("ppl", \EvidenceRecord.ppl), ("ppl_stderr", \.pplStandardError), ("nll", \.nll),
      ] {
        var record = Samples.evidence
        record[keyPath: member] = value
        found.append(("\(name) \(value)", .evidence([Samples.evidence, record])))
      }
      var record = Samples.evidence
      record.rest = RestRecord(from: 1, ppl: value, scoredTokens: 1)
      found.append(("rest \(value)", .evidence([record])))
      record = Samples.evidence
      record.ratio = RatioRecord(1, standardError: value, modelDigest: Samples.digest("w"))
      found.append(("ratio \(value)", .evidence([record])))
      record = Samples.evidence
      record.divergence = EvidenceComparisonTests.divergence()
      record.divergence?.kl.percentiles["99"] = Estimate(1, standardError: value)
      found.append(("divergence \(value)", .evidence([record])))
      var prompt = Samples.prompt("new", weights: nil, unvalidated: true)
      prompt.validatedOn[0].pplWith = value
      found.append(("validation \(value)", .adapter(prompt)))
      prompt = Samples.prompt("new", weights: nil, unvalidated: true)
      prompt.values[3] = Float(value)
      found.append(("values \(value)", .adapter(prompt)))
    }
    found.append(
      (
        "negative",
        {
          var record = Samples.evidence
          record.ppl = -1
          return .evidence([record])
        }()
      ))
    found.append(("no JSON", .document(.ledger, bytes: ByteSlice([0x7B]), layout: .json)))
    found.append(("no UTF-8", .document(.licence, bytes: ByteSlice([0xFF]))))
    return found
  }

  @Test func anEditIsCheckedBeforeItIsWritten() throws {
    let before = try folder.read("a.ctpack")
    for (name, section) in try unreadable() {
      let failure = #expect(throws: Failure.self, "\(name)") {
        try BundleEditor.append(to: path, sections: [section])
      }
      #expect(failure?.kind == .invalidData && failure?.file == path, "\(name)")
      #expect(failure?.place?.contains(section.name) == true, "\(name)")
      #expect(try folder.read("a.ctpack") == before, "\(name)")
    }
  }

  @Test func aNewBundleIsCheckedBeforeItAppears() throws {
    for (name, section) in try unreadable() {
      let failure = #expect(throws: Failure.self, "\(name)") {
        var writer = BundleWriter(path: folder.file("b.ctpack"))
        writer.add(section)
        try writer.finish()
      }
      #expect(failure?.kind == .invalidData, "\(name)")
      #expect(folder.names == ["a.ctpack"], "\(name)")
    }
  }

  /// A stored section that is damaged already isn't copied under a new hash.
  @Test func aDamagedDocumentIsNotCopied() throws {
    var writer = BundleWriter(path: path, hasCopies: false)
    writer.add(.document(.licence, bytes: ByteSlice([0x61])))
    try writer.finish()
    let section = try #require(try ModelBundle(path: path).sections.first)
    var bytes = try folder.read("a.ctpack")
    bytes[section.offset] = 0x62
    try folder.write("a.ctpack", bytes)
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [.evidence([Samples.evidence])])
    }
    #expect(failure?.place == "licence \"licence\"" && failure?.reason == .bundleDamaged)
    #expect(try folder.read("a.ctpack") == bytes)
  }
}
