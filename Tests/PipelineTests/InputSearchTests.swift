import BundleFormat
import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// The search for the files that a bundle records, and the links under which a build reads them.
@Suite struct InputSearchTests {
  private typealias File = (name: String, text: String)

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func digest(_ text: String) -> SHA256Digest { SHA256Digest(hashing: Array(text.utf8)) }

  /// A bundle that records a checkpoint and texts by role.
  private func bundle(model: [File], texts: [(role: String, file: File)]) throws -> ModelBundle {
    var writer = BundleWriter(path: folder.file("a.ctpack"))
    writer.add(
      .provenance(
        Provenance(
          baseModel: digest("model"), tokenizer: nil,
          data: texts.map {
            Provenance.DataSource(
              role: $0.role, name: $0.file.name, sha256: digest($0.file.text))
          },
          recipe: nil, programVersion: "0.1.0", kernelClass: "any",
          stages: [Provenance.Stage(name: "import", key: digest("key"))],
          sourceFiles: model.map {
            Provenance.SourceFile(
              name: $0.name, sha256: digest($0.text), bytes: $0.text.utf8.count)
          })))
    writer.add(.document(.recipe, bytes: ByteSlice(Array("{}\n".utf8))))
    try writer.finish()
    return try ModelBundle(path: folder.file("a.ctpack"))
  }

  /// A name that leads out of a folder is never made into a path.
  @Test(arguments: ["../x", "a/b", "/etc/passwd", "", ".", "..", "a\0b"])
  func namesAreNoPaths(name: String) throws {
    for isModel in [true, false] {
      let file: File = (name, "text")
      let bundle = try bundle(
        model: isModel ? [file] : [("model.gguf", "m")],
        texts: isModel ? [] : [("calibration", file)])
      let failure = #expect(throws: Failure.self) { try InputSearch(for: bundle) }
      #expect(failure?.kind == .invalidData && failure?.reason == .recipeNeeded)
    }
  }

  /// Files of one name are told apart by their content, and a file of two roles is one input.
  @Test func contentDecides() throws {
    let bundle = try bundle(
      model: [("model.gguf", "m")],
      texts: [
        ("calibration", ("t.txt", "one")), ("training", ("t.txt", "one")),
        ("validation", ("t.txt", "two")), ("evaluation x", ("u.txt", "two")),
      ])
    try folder.write("in/a/t.txt", "another")
    try folder.write("in/b/t.txt", "two")
    try folder.write("in/c/renamed", "one")
    try folder.write("in/model.gguf", "n")
    try folder.write("in/z.bin", "m")
    var search = try InputSearch(for: bundle)
    #expect(
      search.inputs.map(\.roles) == [
        ["model"], ["calibration", "training"], ["validation"], ["evaluation x"],
      ])
    try search.search([folder.file("in")])
    let found = try search.found()
    #expect(
      found.map { $0.path.dropFirst(folder.path.count) } == [
        "/in/z.bin", "/in/c/renamed", "/in/b/t.txt", "/in/b/t.txt",
      ])

    let links = try InputLinks(to: found, in: folder.file("links"))
    #expect(
      Set(links.paths.keys) == ["model", "calibration", "training", "validation", "evaluation x"])
    for (role, name, text) in [
      ("model", "model.gguf", "m"), ("calibration", "t.txt", "one"), ("training", "t.txt", "one"),
      ("validation", "t.txt", "two"), ("evaluation x", "u.txt", "two"),
    ] {
      let path = try #require(links.paths[role])
      #expect(path.hasSuffix("/" + name) && path.hasPrefix(folder.file("links")), "\(path)")
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }
  }

  /// A given file is taken for the inputs whose content it has, and for no other.
  @Test func aGivenFileMustBeTheRecordedOne() throws {
    let bundle = try bundle(
      model: [("config.json", "c"), ("model.safetensors", "w")],
      texts: [("calibration", ("t.txt", "one")), ("validation", ("t.txt", "two"))])
    try folder.write("one", "one")
    try folder.write("in/w", "w")
    var search = try InputSearch(for: bundle)
    try search.take(folder.file("one"), as: "t.txt")
    try search.take(folder.file("in"), as: "model")
    let failure = #expect(throws: Failure.self) { try search.found() }
    #expect(failure?.kind == .inputMissing && failure?.reason == .inputsNeeded)
    #expect(
      failure?.list == [
        "config.json (model), SHA-256 \(digest("c").hex)",
        "t.txt (validation), SHA-256 \(digest("two").hex)",
      ])
    let other = #expect(throws: Failure.self) {
      try search.take(folder.file("one"), as: "validation")
    }
    #expect(other?.kind == .invalidData && other?.list.count == 1)
    let unknown = #expect(throws: Failure.self) {
      try search.take(folder.file("one"), as: "training")
    }
    #expect(unknown?.kind == .usage && unknown?.list.count == 4)
  }

  @Test func filesOfACheckpointHaveNamesOfTheirOwn() throws {
    let bundle = try bundle(model: [("config.json", "c"), ("config.json", "d")], texts: [])
    try folder.write("in/c", "c")
    try folder.write("in/d", "d")
    var search = try InputSearch(for: bundle)
    try search.search([folder.file("in")])
    let found = try search.found()
    let failure = #expect(throws: Failure.self) {
      try InputLinks(to: found, in: folder.file("links"))
    }
    #expect(failure?.kind == .invalidData)
  }
}
