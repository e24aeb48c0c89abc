import Bytes
import Foundation
import TestSupport
import Testing

/// The README against the program, and PROMISES.md, the table of the README's promises, against the
/// README and the tests.
@Suite struct PromisesPageTests {
  private let readme = try! Self.page("README.md")
  private let promises = try! Self.page("Tests/PROMISES.md")

  private static func page(_ path: String) throws -> String {
    try String(contentsOfFile: RealModel.packageRoot + "/" + path, encoding: .utf8)
  }

  /// The text with every run of blanks and line ends as one space.
  private func flat(_ text: some StringProtocol) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The rows of the table, without headings and rules.
  private var rows: [(promise: String, held: String)] {
    promises.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      guard cells.count == 4, line.hasPrefix("| "), !line.hasPrefix("| promise ") else {
        return nil
      }
      return (flat(cells[1]), flat(cells[2]))
    }
  }

  @Test func everyPromiseIsInTheReadme() {
    let text = flat(readme)
    #expect(rows.count > 60)
    for row in rows { #expect(text.contains(row.promise), "\(row.promise)") }
  }

  @Test func everyPromiseIsHeldBySomethingThatExists() throws {
    let named = NamedTests(page: promises)
    #expect(named.names.count > 80)
    #expect(try named.missing() == [])
    let makefile = try Self.page("Makefile").split(separator: "\n")
    for row in rows {
      var isHeld = false
      for word in row.held.split(separator: "`").map(String.init) {
        if word.hasPrefix("make ") {
          isHeld = true
          #expect(makefile.contains { $0.hasPrefix(word.dropFirst(5) + ":") }, "\(word)")
        } else if word.hasPrefix(".ci/") {
          isHeld = true
          let path = RealModel.packageRoot + "/" + word
          #expect(FileManager.default.isExecutableFile(atPath: path), "\(word)")
        } else if !NamedTests(page: "`\(word)`").names.isEmpty {
          isHeld = true
        }
      }
      #expect(isHeld, "nothing holds: \(row.promise)")
    }
  }

  /// Each section of the README has one here, in its order.
  @Test func noSectionIsLeftOut() {
    func headings(_ page: String) -> [Substring] {
      page.split(separator: "\n").filter { $0.hasPrefix("## ") }
    }
    #expect(headings(promises) == ["## ctpack"] + headings(readme))
  }

  @Test func everyLinkLeadsSomewhere() throws {
    for (page, text) in [("README.md", readme), ("Tests/PROMISES.md", promises)] {
      let folder = page.split(separator: "/").dropLast().map { $0 + "/" }.joined()
      let targets = text.split(separator: "](").dropFirst().compactMap {
        $0.split(separator: ")", omittingEmptySubsequences: false).first
      }.filter { !$0.contains("://") }
      #expect(!targets.isEmpty)
      for target in targets + (page == "README.md" ? ["Recipes/data/README.md"] : []) {
        let path = RealModel.packageRoot + "/" + folder + target
        #expect(FileManager.default.fileExists(atPath: path), "\(page): \(target)")
      }
    }
  }

  /// Every command that the program has is in the README's table.
  @Test func everyCommandIsInTheTable() throws {
    let commands = try Program(folder: TemporaryFolder()).commands()
    #expect(commands.count > 15)
    for words in commands where !words.isEmpty && !["prompt", "recipe"].contains(words.joined()) {
      let name = "`ctpack " + words.joined(separator: " ")
      #expect(readme.contains(name + " ") || readme.contains(name + "`"), "\(name)")
    }
  }

  /// Every command has the option but the groups, and `provenance`, whose output is a document.
  @Test func everyTableIsAvailableAsJSON() throws {
    let ctpack = Program(folder: try TemporaryFolder())
    for words in try ctpack.commands()
    where !words.isEmpty && !["prompt", "recipe", "provenance"].contains(words.joined()) {
      #expect(try ctpack.run(["help"] + words).output.contains("--json"), "\(words)")
    }
  }

  /// The README's list of exit statuses has the numbers of the program's help, in its order.
  @Test func exitStatusesAreThoseOfTheHelp() throws {
    let help = try Program(folder: TemporaryFolder())("help").output
    func numbers(_ page: String) throws -> [Int] {
      let start = try #require(page.firstRange(of: "Exit status: "))
      let sentence = page[start.upperBound...].prefix { $0 != "." }
      return sentence.split { !$0.isNumber && !$0.isLetter }.compactMap { Int($0) }
    }
    let found = try numbers(help)
    #expect(found.count == 11, "\(found)")
    #expect(try numbers(readme) == found)
  }
}
