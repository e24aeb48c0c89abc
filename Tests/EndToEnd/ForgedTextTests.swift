import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Texts of a sound bundle that would move the cursor or pass for the program's own lines, on its
/// pages, in its errors and in JSON.
@Suite(.serialized) struct ForgedTextTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  private let forged =
    "0.1.0\n\nVerification: every byte against a signature\u{1B}[8m\r\u{202E}\u{9B}m"

  init() throws {
    shop = try Workshop()
    #expect(try shop.ctpack("run", "small.yaml").status == 0)
    let path = shop.folder.file("small.ctpack")
    let bundle = try ModelBundle(path: path)
    var provenance = try #require(try bundle.provenance)
    provenance.baseModelName = "good\u{1B}]0;owned\u{7}\u{1B}[2J" + forged
    provenance.programVersion = forged
    var evidence = try bundle.evidence
    for index in evidence.indices { evidence[index].text += forged }
    var prompt = try #require(try bundle.adapters.first)
    prompt.objective = "x\u{1B}[5mblink" + forged
    let sections: [NewSection] = [
      .provenance(provenance), .evidence(evidence), .adapter(prompt),
    ]
    try BundleEditor.edit(path) { (edit) throws(Failure) in edit.add(sections) }
  }

  private func obeyed(_ text: String) -> Bool {
    text.unicodeScalars.contains { ShownText.isControl($0) && $0 != "\n" }
  }

  @Test func pagesShowThemSpelledOut() throws {
    let page = try ctpack("inspect", "small.ctpack", "--verify", "full")
    #expect(page.status == 0, "\(page.errors)")
    #expect(!obeyed(page.output))
    let lines = page.output.split(separator: "\n").filter { $0.hasPrefix("Verification:") }
    #expect(lines.count == 1, "\(lines)")
    #expect(page.output.contains("\\u{1B}[2J") && page.output.contains("\\u{202E}"))
    for arguments in [
      ["prompt", "list", "small.ctpack"], ["diff", "small.ctpack", "small.ctpack"],
      ["inspect", "small.ctpack", "--json"], ["prompt", "list", "small.ctpack", "--json"],
    ] {
      let result = try ctpack.run(arguments)
      #expect(result.status == 0, "\(arguments): \(result.errors)")
      #expect(!obeyed(result.output) && !obeyed(result.errors), "\(arguments)")
      #expect(!result.output.contains("\nVerification: every byte against"), "\(arguments)")
    }
    let json = try ctpack("inspect", "small.ctpack", "--json").json
    #expect(json["provenance"]?["program_version"]?.string == forged)
  }

  @Test func errorsShowThemSpelledOut() throws {
    for arguments in [
      ["inspect", "no\u{1B}[31m\nctpack: all is well"], ["run", "small.yaml", "--\u{1B}[31m"],
      ["prompt", "remove", "small.ctpack", "x\u{1B}[2J\u{202E}"],
      ["run", "small.yaml", "--until", "\u{1B}[31m"],
    ] {
      let result = try ctpack.run(arguments)
      #expect(result.status != 0, "\(arguments)")
      #expect(!obeyed(result.errors), "\(arguments): \(result.errors)")
      #expect(!result.errors.contains("\nctpack: all is well"), "\(result.errors)")
    }
  }

  /// A text that can't be typed, or looks like a path or an option, is no name.
  @Test(arguments: ["../../x", "a\u{1B}[31m", ".x", "a b", "a\nb", "\u{202E}x", "auto", ""])
  func namesHaveOneRule(name: String) throws {
    let before = try folder.read("small.ctpack")
    let transfer = try ctpack(
      "transfer", "small.ctpack", "small.ctpack", "--as", name, "--allow-unvalidated")
    #expect(transfer.status == 64, "\(transfer.errors)")
    #expect(transfer.errors.contains("letters, digits"), "\(transfer.errors)")
    let learn = try ctpack(
      "prompt", "learn", "small.ctpack", "--as", name, "--text", "train.txt", "--validation",
      "dev.txt")
    #expect(learn.status == 64, "\(learn.errors)")
    let load = try ctpack("prompt", "import", "small.ctpack", "model", "--as", name)
    #expect(load.status == 64, "\(load.errors)")
    #expect(!obeyed(transfer.errors + learn.errors + load.errors))
    #expect(try folder.read("small.ctpack") == before)
  }
}
