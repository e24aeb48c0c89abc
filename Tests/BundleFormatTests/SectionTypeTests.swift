import BundleFormat
import Bytes
import TestSupport
import Testing

/// The rules of the section types, against the table in section 5 of Formats/container.md.
@Suite struct SectionTypeTests {
  struct Row: Sendable {
    var id: UInt16
    var type: String
    var layouts: Set<String>
    var name: String
    var flags: Set<String>
  }

  static let rows: [Row] = {
    let bytes = (try? MappedFile(path: PythonReader.formats + "/container.md").bytes.array) ?? []
    let text = String(decoding: bytes, as: UTF8.self)
    guard let start = text.firstRange(of: "## 5. Section types\n"),
      let end = text[start.upperBound...].firstRange(of: "\n| ids |")
    else { return [] }
    return text[start.upperBound..<end.lowerBound].split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmed }
      guard cells.count == 6, let id = UInt16(cells[0]) else { return nil }
      return Row(
        id: id, type: cells[1], layouts: Set(cells[2].split(separator: " ").map(String.init)),
        name: cells[3], flags: Set(cells[4].split(separator: ",").map { $0.trimmed }))
    }
  }()

  /// The flags that the specification names, as bits.
  static func flags(_ names: Set<String>) -> SectionFlags {
    SectionFlags(
      write: (names.contains("bound to weights") ? SectionFlags.boundToWeights : 0)
        | (names.contains("type needed to write") ? SectionFlags.typeNeededToWrite : 0),
      optional: names.contains("informative") ? SectionFlags.informative : 0)
  }

  @Test func theIdsAreThoseOfTheSpecification() {
    #expect(Self.rows.map(\.id) == SectionType.allCases.map(\.rawValue))
    #expect(Self.rows.map(\.type) == SectionType.allCases.map { "\($0)" })
  }

  /// The writer takes the layouts of the table, and no others.
  @Test func theLayoutsAreThoseOfTheSpecification() throws {
    let folder = try TemporaryFolder()
    for row in Self.rows {
      let type = try #require(SectionType(rawValue: row.id))
      if type.isCopy { continue }
      for layout in PackingLayout.allCases {
        func write() throws {
          var writer = BundleWriter(path: folder.file("a.ctpack"))
          writer.add(type: type, layout: layout, name: "a", bytes: ByteSlice([]))
          try writer.finishUnchecked()
        }
        if row.layouts == ["any"] || row.layouts.contains(layout.label) {
          try write()
        } else {
          let failure = #expect(throws: Failure.self, "\(type) \(layout)") { try write() }
          #expect(failure?.finding == "a \(type) can't be \(layout.label)")
        }
      }
    }
  }

  @Test func documentsHaveTheNamesAndFlagsOfTheSpecification() throws {
    let documents = Self.rows.filter { (32...40).contains($0.id) && $0.type != "signature" }
    #expect(documents.count == 8)
    for row in documents {
      let type = try #require(SectionType(rawValue: row.id))
      let section = NewSection.document(type, bytes: ByteSlice([]))
      #expect("`\(section.name)`" == row.name)
      #expect(section.flags == Self.flags(row.flags), "\(type)")
    }
  }

  /// Copies for recovery are the writer's own: they can't be added.
  @Test func copiesHaveTheFlagsOfTheSpecification() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.ctpack")
    try Samples.write(path)
    let copies = try ModelBundle(path: path).recoveryCopies
    let rows = Self.rows.filter { $0.id > 40 }
    #expect(Set(copies.map(\.typeID)) == Set(rows.map(\.id)))
    for row in rows {
      let own = copies.filter { $0.typeID == row.id }
      #expect(own.allSatisfy { $0.flags == Self.flags(row.flags) }, "\(row.type)")
      let type = try #require(SectionType(rawValue: row.id))
      let failure = #expect(throws: Failure.self) {
        var writer = BundleWriter(path: folder.file("b.ctpack"))
        writer.add(type: type, layout: .raw, name: "a", bytes: ByteSlice([1]))
        try writer.finish()
      }
      #expect(failure?.finding == "a \(type) is made by the writer alone")
    }
  }

  @Test func additionsHaveTheFlagsOfTheSpecification() throws {
    let prompt = Samples.prompt("demo", weights: nil)
    let weights = Samples.digest("weights")
    let prefix = StoredAdapter(
      name: "keys", shape: .prefix(tokens: 1, layers: 1, width: 1), values: [1, 2],
      binding: prompt.binding, objective: "kl")
    let sections: [NewSection] = [
      .adapter(prompt), .adapter(prefix),
      .keyValues(
        StoredKeyValues(
          of: prompt, layers: 1, width: 1, weights: weights,
          values: ByteSlice([UInt8](repeating: 0, count: 4 * prompt.tokens)))),
      .routingKey(
        StoredRoutingKey(of: prompt, weights: weights, explained: 1, key: [1], bias: 0)),
    ]
    let rows = Self.rows.filter { (16..<32).contains($0.id) }
    #expect(sections.map(\.type.rawValue) == rows.map(\.id))
    #expect(sections.map(\.flags) == rows.map { Self.flags($0.flags) })
  }
}

extension StringProtocol {
  /// The text without spaces at its ends.
  fileprivate var trimmed: String { split(separator: " ").joined(separator: " ") }
}
