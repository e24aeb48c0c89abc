import Bytes
import Foundation
import TestSupport
import Testing

/// Notes about how a checkpoint was read: on standard error, once per command, and not with --quiet.
@Suite(.serialized) struct NoteTests {
  let shop: Workshop
  private let note = "ctpack: model/config.json: ignored, as in transformers"

  init() throws { shop = try Workshop() }

  private func addKey() throws {
    let path = shop.folder.file("model/config.json")
    var settings = try #require(try JSON(reading: path).object)
    settings["embedding_multiplier"] = 12
    try shop.folder.write("model/config.json", JSON.object(settings).canonicalBytes)
  }

  @Test func ignoredKeysAreNamedOnStandardError() throws {
    let commands = [
      ["eval", "model", "--text", "test.txt", "--seqlen", "32", "--windows", "2", "--json"],
      ["generate", "model", "--prompt-text", "the", "--max-tokens", "1", "--json"],
      ["run", "small.yaml", "--explain", "--json"],
    ]
    let before = try commands.map { try shop.ctpack.run($0) }
    try addKey()
    for (command, before) in zip(commands, before) {
      #expect(before.status == 0 && !before.errors.contains(note), "\(command): \(before.errors)")
      let after = try shop.ctpack.run(command)
      #expect(after.status == 0, "\(command): \(after.errors)")
      #expect(after.errors.components(separatedBy: note).count == 2, "\(command): \(after.errors)")
      #expect(after.errors.contains("\"embedding_multiplier\""), "\(command): \(after.errors)")
      let quiet = try shop.ctpack.run(command + ["--quiet"])
      #expect(quiet.status == 0 && !quiet.errors.contains(note), "\(command): \(quiet.errors)")
    }
    let ppl = try shop.ctpack.run(commands[0]).json["ppl"]?.double
    #expect(ppl != nil && ppl == before[0].json["ppl"]?.double)
  }
}
