import Bytes
import Foundation
import TestSupport
import Testing

/// Help pages, and inspect and diff pages of test vectors, compared as a whole with the files in Expected.
///
/// `CTPACK_UPDATE_EXPECTED=1` rewrites the files, so that version control shows the differences.
@Suite struct ExpectedPagesTests {
  private static let expected = RealModel.packageRoot + "/Tests/EndToEnd/Expected"
  private static let updates =
    ProcessInfo.processInfo.environment["CTPACK_UPDATE_EXPECTED"] == "1"

  private let folder: TemporaryFolder
  private var ctpack: Program { Program(folder: folder) }

  init() throws { folder = try TemporaryFolder() }

  /// Compares a page with the file NAME.txt, or writes it there if files are being updated.
  private func check(_ page: String, _ name: String) throws {
    let path = "\(Self.expected)/\(name).txt"
    if Self.updates {
      try page.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let known = try? String(contentsOfFile: path, encoding: .utf8)
    #expect(
      page == known,
      "\(name).txt differs; CTPACK_UPDATE_EXPECTED=1 swift test --filter ExpectedPages updates it")
  }

  @Test func helpPages() throws {
    let commands = try ctpack.commands()
    #expect(commands.count > 15 && commands.contains(["prompt", "learn"]))
    for words in commands {
      let help = try ctpack.run(["help"] + words)
      #expect(help.status == 0, "\(words)")
      try check(help.output, (["help"] + words).joined(separator: "-"))
    }
    let pages = Set(commands.map { (["help"] + $0).joined(separator: "-") + ".txt" })
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.expected)
    let stale = files.filter { $0.hasPrefix("help") && !pages.contains($0) }
    #expect(stale.isEmpty, "these pages belong to no command: \(stale)")
  }

  @Test(arguments: [
    "valid-packed-3", "valid-mask", "valid-prompts", "valid-adapters", "valid-routing-keys",
    "valid-appended",
  ])
  func inspectPages(_ vector: String) throws {
    try FileManager.default.copyItem(
      atPath: "\(RealModel.packageRoot)/Formats/vectors/\(vector).ctpack",
      toPath: folder.file("\(vector).ctpack"))
    // The vectors are no whole models, which full verification demands.
    let page = try ctpack("inspect", "\(vector).ctpack", "--verify", "fast")
    #expect(page.status == 0, "\(page.errors)")
    try check(page.output, "inspect-\(vector)")
  }

  @Test func diffPage() throws {
    for name in ["valid-adapters", "valid-prompts"] {
      try FileManager.default.copyItem(
        atPath: "\(RealModel.packageRoot)/Formats/vectors/\(name).ctpack",
        toPath: folder.file("\(name).ctpack"))
    }
    let page = try ctpack("diff", "valid-prompts.ctpack", "valid-adapters.ctpack")
    #expect(page.status == 1, "\(page.errors)")
    try check(page.output, "diff-prompts-adapters")
    let same = try ctpack("diff", "valid-prompts.ctpack", "valid-prompts.ctpack", "--json")
    #expect(same.status == 0 && same.json["same"] == true)
    let missing = try ctpack("diff", "valid-prompts.ctpack", "no.ctpack")
    #expect(missing.status == 66)
  }
}
