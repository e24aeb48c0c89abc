import Foundation
import TestSupport
import Testing

/// Formats/SECURITY.md names a test for each promise. Each must exist.
@Suite struct SecurityPageTests {
  @Test func everyNamedTestExists() throws {
    let page = try String(
      contentsOfFile: PythonReader.formats + "/SECURITY.md", encoding: .utf8)
    let named = NamedTests(page: page)
    #expect(named.names.count > 40)
    #expect(try named.missing() == [])
  }

  /// A name that is nowhere is found missing, whether the suite or the test is.
  @Test func aNameThatIsNowhereIsMissing() throws {
    let page =
      "`SecurityPageTests/noSuchTest`, `NoSuchTests/open`, `SecurityPageTests/everyNamedTestExists`"
    #expect(
      try NamedTests(page: page).missing() == ["SecurityPageTests/noSuchTest", "NoSuchTests/open"])
  }
}
