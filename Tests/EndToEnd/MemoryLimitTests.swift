import Bytes
import Foundation
import TestSupport
import Testing

/// Small files that describe much more, read by the real program with little address space: an answer
/// within seconds, never the machine's memory.
@Suite(.serialized) struct MemoryLimitTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }

  init() throws { shop = try Workshop() }

  /// Runs with 2 GB of address space, of which the program's libraries and threads reserve a part, and
  /// fails unless the status is `status` and `words` are in the error, within a minute.
  private func expect(
    _ status: Int32, _ words: String..., from arguments: [String],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let started = ContinuousClock.now
    let result = try shop.ctpack.run(arguments, shell: "ulimit -v 2000000")
    #expect(ContinuousClock.now - started < .seconds(60), sourceLocation: location)
    #expect(
      result.status == status, "\(arguments): \(result.errors)", sourceLocation: location)
    for word in words {
      #expect(
        result.errors.contains(word), "\(arguments): \(result.errors)", sourceLocation: location)
    }
  }

  /// A folder with the tiny model's files, one of them replaced.
  private func model(_ name: String, replacing file: String, by content: [UInt8]) throws {
    try FileManager.default.copyItem(
      atPath: folder.file("model"), toPath: folder.file(name))
    try folder.write("\(name)/\(file)", content)
  }

  private func ones(_ count: Int) -> [UInt8] {
    var text = Array("{\"a\":[".utf8)
    for _ in 0..<count { text += [UInt8(ascii: "1"), UInt8(ascii: ",")] }
    return text + Array("1]}".utf8)
  }

  @Test(arguments: ["config.json", "tokenizer.json"])
  func jsonOfManyValues(file: String) throws {
    try model("dense", replacing: file, by: ones(8_000_000))
    try expect(65, "dense/\(file)", "the limit", from: ["eval", "dense", "--text", "test.txt"])
  }

  @Test func aSafetensorsHeaderOfManyValues() throws {
    let header = ones(8_000_000)
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(header.count))
    try model("dense", replacing: "model.safetensors", by: bytes + header)
    try expect(
      65, "model.safetensors", "the limit", from: ["eval", "dense", "--text", "test.txt"])
  }

  @Test func aRecipeOfNestedAliases() throws {
    var bomb = "l0: &l0 [\"x\"]\n"
    for level in 1...12 {
      let aliases = [String](repeating: "*l\(level - 1)", count: 9).joined(separator: ", ")
      bomb += "l\(level): &l\(level) [\"x\n# \", \(aliases)]\n"
    }
    try folder.write("bomb.yaml", bomb)
    try expect(65, "bomb.yaml", "8 aliases", from: ["run", "bomb.yaml", "--explain"])
  }
}
