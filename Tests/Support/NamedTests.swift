import Foundation

/// The tests that a page names in backquotes, as `Suite/test`, and whether the tree has them. A page
/// that says which test holds a promise would otherwise rot when a test is renamed.
package struct NamedTests {
  /// The names on the page, in its order.
  package let names: [(suite: String, test: String)]

  /// Finds the names on `page`.
  package init(page: String) {
    names = page.split(separator: "`").compactMap { word in
      let parts = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, parts[0].hasSuffix("Tests"),
        parts.joined().allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
      else { return nil }
      return (parts[0], parts[1])
    }
  }

  /// The names for which no Swift file of the tests has both the suite and the function.
  package func missing() throws -> [String] {
    let folder = RealModel.packageRoot + "/Tests"
    let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let sources = try paths.filter { $0.hasSuffix("Tests.swift") }.map {
      try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)
    }
    return names.filter { name in
      !sources.contains {
        $0.contains("struct \(name.suite) ") && $0.contains("func \(name.test)(")
      }
    }.map { "\($0.suite)/\($0.test)" }
  }
}
