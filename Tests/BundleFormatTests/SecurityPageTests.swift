import Bytes
import Foundation
import TestSupport
import Testing

/// Formats/SECURITY.md names a test for each promise. Each must exist.
@Suite struct SecurityPageTests {
  @Test func everyNamedTestExists() throws {
    let page = try String(
      contentsOfFile: PythonReader.formats + "/SECURITY.md", encoding: .utf8)
    let names = page.split(separator: "`").compactMap { word -> (suite: String, test: String)? in
      let parts = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, parts[0].hasSuffix("Tests"),
        parts.joined().allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
      else { return nil }
      return (parts[0], parts[1])
    }
    #expect(names.count > 40)
    let sources = try sources()
    for (suite, test) in names {
      let found = sources.contains {
        $0.contains("struct \(suite) ") && $0.contains("func \(test)(")
      }
      #expect(found, "\(suite)/\(test)")
    }
  }

  /// The texts of all Swift files of the tests.
  private func sources() throws -> [String] {
    let folder = RealModel.packageRoot + "/Tests"
    let paths = try #require(FileManager.default.enumerator(atPath: folder))
    return try paths.compactMap { $0 as? String }.filter { $0.hasSuffix("Tests.swift") }.map {
      try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)
    }
  }
}
