import Bytes
import Evaluation
import TestSupport
import Testing

@Suite struct TaskRowsTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func read(
    _ name: String, _ text: String, columns: [String] = [], labels: String? = nil
  ) throws -> TaskRows {
    var source = TaskRows.Source()
    source.path = try folder.write(name, text)
    source.columns = columns
    source.labelsPath = try labels.map { try folder.write("labels.lst", $0) }
    return try TaskRows(source)
  }

  @Test func jsonLinesHaveTheirLines() throws {
    let rows = try read("a.jsonl", "{\"a\": 1}\n\n  \r\n{\"a\": \"x\"}").rows
    #expect(rows.map(\.line) == [1, 4])
    #expect(rows.map(\.fields) == [["a": 1], ["a": "x"]])
  }

  @Test func elementsOfAnArrayHaveTheirLines() throws {
    let text = "[\n {\"a\": \"] , {\\\"\",\n  \"b\": [1, 2]},\n\n {\"a\": 2}, {\"a\": 3}\n]\n"
    let rows = try read("a.json", text).rows
    #expect(rows.map(\.line) == [2, 5, 5])
    #expect(rows[0].fields["a"] == "] , {\"")
  }

  @Test func tablesKeepQuotedTextAndItsLines() throws {
    let rows = try read(
      "a.csv", "q,a\r\n\"one, \"\"two\"\"\nthree\",B\r\nplain \"quote\",\nlast,C"
    ).rows
    #expect(rows.map(\.line) == [2, 4, 5])
    #expect(rows[0].fields == ["q": "one, \"two\"\nthree", "a": "B"])
    #expect(rows[1].fields == ["q": "plain \"quote\"", "a": ""])
    #expect(rows[2].fields == ["q": "last", "a": "C"])
  }

  @Test func columnsCanBeNamedByTheTask() throws {
    let rows = try read("a.tsv", "x\ty\nz\tw\n", columns: ["q", "a"]).rows
    #expect(rows.map(\.fields) == [["q": "x", "a": "y"], ["q": "z", "a": "w"]])
  }

  @Test func labelsAreJoinedLineByLine() throws {
    let read = try read("a.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", labels: "1\nx\n")
    #expect(read.rows.map { $0.fields["label"] } == [1, "x"])
    #expect(read.labelsDigest == SHA256Digest(hashing: Array("1\nx\n".utf8)))
  }

  static let refused: [(String, String, String?, String)] = [
    ("a.jsonl", "{\"a\": 1}\n{\"a\": }\n", "line 2", "of the line"),
    ("a.jsonl", "{\"a\": 1}\n[1]\n", "line 2", "found an array"),
    ("a.jsonl", "[{\"a\": 1}]", "line 1", "begins a JSON array"),
    ("a.json", "{\"a\": 1}\n{\"a\": 2}", nil, "is no JSON array"),
    ("a.json", "[{},\n 3]", "line 2", "found a number"), ("a.jsonl", "\n", nil, "has no rows"),
    ("a.csv", "q,a\n\"x,y\n", "line 2", "isn't closed"),
    ("a.csv", "q,a\nx\n", "line 2", "has 1 fields, the table 2 columns (q, a)"),
    ("a.csv", "q,a\n\"x\"y,z\n", "line 2", "follows the closing quotation mark"),
    ("a.csv", "q,q\nx,y\n", "line 1", "two columns are called `q`"),
    ("a.dat", "{}", nil, "doesn't say the format"),
  ]

  @Test(arguments: refused)
  func whatIsNoRowIsNamedWithItsLine(
    _ name: String, _ text: String, _ place: String?, _ finding: String
  ) {
    let failure = #expect(throws: Failure.self) { try read(name, text) }
    #expect(failure?.kind == .invalidData && failure?.place == place, "\(failure as Any)")
    #expect(failure?.finding.contains(finding) == true, "\(failure as Any)")
    #expect(failure?.file == folder.file(name))
  }

  @Test func labelsMustBeOnePerRow() {
    let few = #expect(throws: Failure.self) { try read("a.jsonl", "{}\n{}\n", labels: "1\n") }
    #expect(few?.finding.contains("1 labels for 2 rows") == true)
    let empty = #expect(throws: Failure.self) { try read("a.jsonl", "{}\n{}\n", labels: "\n1\n") }
    #expect(empty?.place == "line 1" && empty?.file == folder.file("labels.lst"))
    let twice = #expect(throws: Failure.self) {
      try read("a.jsonl", "{}\n{\"label\": 0}\n", labels: "1\n0\n")
    }
    #expect(twice?.place == "line 2")
  }
}
