import BundleFormat
import Bytes
import TestSupport
import Testing

/// The example of the article in BundleFormat.docc.
@Suite struct DocumentationExampleTests {
  @Test func itRuns() throws {
    let folder = try TemporaryFolder()
    let weights = try writeAndRead(folder.file("a.ctpack"))
    #expect(weights == [0, 0.5, 1, -0.5, -2, 0, 1.75, 0])
    let bundle = try ModelBundle(path: folder.file("a.ctpack"))
    #expect(bundle.generation == 2)
    #expect(try bundle.adapters.map(\.name) == ["demo"])
  }

  /// The article's code is the file that the test above runs.
  @Test func theArticleShowsIt() throws {
    func text(_ path: String) throws -> String {
      String(
        decoding: try MappedFile(path: RealModel.packageRoot + "/" + path).bytes.array,
        as: UTF8.self)
    }
    let article = try text("Sources/BundleFormat/BundleFormat.docc/WritingAndReadingABundle.md")
    let start = try #require(article.firstRange(of: "```swift\n"))
    let end = try #require(article[start.upperBound...].firstRange(of: "```\n"))
    #expect(
      try article[start.upperBound..<end.lowerBound]
        == text("Tests/BundleFormatTests/DocumentationExample.swift"))
  }
}
