import BundleFormat
import Bytes
import TestSupport
import Testing

/// Damaged bundles as a user meets them: warnings, refusals, and `ctpack recover`.
@Suite struct DamageCommandTests {
  /// A finished build and the same with another prompt (generation 2), made once.
  private static let built: Result<(fresh: [UInt8], edited: [UInt8]), any Error> = Result {
    let shop = try Workshop()
    let run = try shop.ctpack("run", "small.yaml", "--out", "a.ctpack")
    #expect(run.status == 0, "\(run.errors)")
    let fresh = try shop.folder.read("a.ctpack")
    let added = try shop.ctpack(
      "transfer", "a.ctpack", "a.ctpack", "--as", "second", "--allow-unvalidated")
    #expect(added.status == 0, "\(added.errors)")
    return (fresh, try shop.folder.read("a.ctpack"))
  }

  let folder: TemporaryFolder
  var ctpack: Program { Program(folder: folder) }
  private static let eval = ["--text", "test.txt", "--protocol", "ctp-32", "--windows", "2"]

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("sound.ctpack", Self.built.get().fresh)
    try folder.write("test.txt", TinyCheckpoint.text(words: 400, seed: 3))
    try folder.write("key.pem", SampleKeys.signer)
  }

  /// a.ctpack with one bit of its newest commit record flipped: record 0, at byte 4096.
  private func damageRecord() throws -> [UInt8] {
    var bytes = try Self.built.get().edited
    bytes[4096 + 60] ^= 1
    try folder.write("a.ctpack", bytes)
    return bytes
  }

  /// a.ctpack with one bit of a norm's values flipped.
  private func damageWeights() throws -> [UInt8] {
    var bytes = try Self.built.get().fresh
    let bundle = try ModelBundle(bytes: ByteSlice(bytes), name: "memory")
    let norm = try #require(bundle.section(.tensorDense, named: "model.norm.weight"))
    bytes[norm.offset + 1] ^= 1
    try folder.write("a.ctpack", bytes)
    return bytes
  }

  @Test func everyReaderSaysThatAnOlderStateIsRead() throws {
    _ = try damageRecord()
    for arguments in [
      ["inspect", "a.ctpack"], ["inspect", "a.ctpack", "--verify", "none"],
      ["verify", "a.ctpack"], ["prompt", "list", "a.ctpack"],
      ["eval", "a.ctpack"] + Self.eval,
      ["generate", "a.ctpack", "--prompt-text", "the", "--max-tokens", "2"],
      ["tokenize", "a.ctpack", "test.txt"], ["diff", "a.ctpack", "sound.ctpack"],
      ["transfer", "a.ctpack", "sound.ctpack", "--as", "more", "--allow-unvalidated"],
    ] {
      let result = try ctpack.run(arguments + ["--json"])
      let isCheck = ["inspect", "verify"].contains(arguments[0])
      #expect(result.status == (isCheck ? 65 : 0), "\(arguments): \(result.errors)")
      #expect(
        result.errors.contains("warning: a.ctpack: commit record 0"),
        "\(arguments): \(result.errors)")
      let first = result.json.array?.first ?? result.json
      #expect(first["damage"]?.array?.first?["generation_read"]?.int == 1, "\(arguments)")
    }
    let sound = try ctpack("prompt", "list", "sound.ctpack", "--json")
    #expect(sound.errors.isEmpty && sound.json.array?.first?["damage"] == nil)
  }

  @Test func everyWriterRefusesAnOlderState() throws {
    let bytes = try damageRecord()
    for arguments in [
      ["transfer", "sound.ctpack", "a.ctpack", "--as", "x", "--allow-unvalidated"],
      ["transfer", "sound.ctpack", "a.ctpack", "--as", "x"] + Self.eval,
      ["prompt", "remove", "a.ctpack", "default"],
      ["prompt", "compare", "a.ctpack", "--store"] + Self.eval,
      ["compact", "a.ctpack"], ["compact", "a.ctpack", "--out", "b.ctpack"],
      ["recode", "a.ctpack", "b.ctpack", "--storage", "coded"],
      ["sign", "a.ctpack", "--key", "key.pem"],
      [
        "prompt", "learn", "a.ctpack", "--as", "x", "--text", "test.txt", "--validation",
        "test.txt",
      ],
    ] {
      let result = try ctpack.run(arguments)
      #expect(result.status == 65, "\(arguments): \(result.errors)")
      #expect(result.errors.contains("--accept-older-state"), "\(arguments): \(result.errors)")
      #expect(result.errors.contains("ctpack recover"), "\(arguments): \(result.errors)")
      #expect(try folder.read("a.ctpack") == bytes, "\(arguments)")
      #expect(!folder.names.contains("b.ctpack"), "\(arguments)")
    }
  }

  @Test func theOlderStateCanBeAccepted() throws {
    _ = try damageRecord()
    let added = try ctpack(
      "transfer", "sound.ctpack", "a.ctpack", "--as", "x", "--allow-unvalidated",
      "--accept-older-state")
    #expect(added.status == 0, "\(added.errors)")
    let list = try ctpack("prompt", "list", "a.ctpack", "--json")
    #expect(list.json.array?.map { $0["name"]?.string } == ["default", "x"])
    #expect(list.errors.isEmpty)
    #expect(try ctpack("inspect", "a.ctpack", "--verify", "full").status == 0)
    _ = try damageRecord()
    #expect(try ctpack("compact", "a.ctpack", "--accept-older-state").status == 0)
    #expect(try folder.read("a.ctpack") == folder.read("sound.ctpack"))
  }

  @Test func recoveringLosesNothingToADamagedRecord() throws {
    let bytes = try damageRecord()
    let recovered = try ctpack("recover", "a.ctpack", "b.ctpack", "--json")
    #expect(recovered.status == 0, "\(recovered.errors)")
    #expect(recovered.json["complete"]?.bool == true && recovered.json["generation"]?.int == 2)
    #expect(recovered.json["damaged"]?.array?.isEmpty == false)
    let list = try ctpack("prompt", "list", "b.ctpack", "--json")
    #expect(list.json.array?.map { $0["name"]?.string } == ["default", "second"])
    #expect(try ctpack("inspect", "b.ctpack", "--verify", "full").status == 0)
    #expect(try folder.read("a.ctpack") == bytes)
    #expect(try ctpack("recover", "a.ctpack", "b.ctpack").status == 73)
  }

  @Test func recoveringNamesWhatIsLost() throws {
    _ = try damageWeights()
    let recovered = try ctpack("recover", "a.ctpack", "b.ctpack", "--json")
    #expect(recovered.status == 1, "\(recovered.errors)")
    let lost = recovered.json["lost"]?.array?.compactMap { $0["section"]?.string } ?? []
    #expect(lost.contains("tensorDense \"model.norm.weight\""))
    #expect(recovered.json["unvalidated"]?.array?.map(\.string) == ["prompt \"default\""])
    let page = try ctpack("recover", "a.ctpack", "c.ctpack")
    #expect(page.status == 1 && page.output.contains("LOST: tensorDense \"model.norm.weight\""))
    // Sound as a file, and honest about its use: the tensor is missing.
    #expect(try ctpack("inspect", "b.ctpack").status == 0)
    let full = try ctpack("inspect", "b.ctpack", "--verify", "full")
    #expect(full.status == 65 && full.errors.contains("model.norm.weight"), "\(full.errors)")
    try folder.write("none.ctpack", [UInt8](repeating: 0, count: 20_000))
    #expect(try ctpack("recover", "none.ctpack", "d.ctpack").status == 65)
    #expect(try ctpack("recover", "missing.ctpack", "d.ctpack").status == 66)
    #expect(!folder.names.contains("d.ctpack"))
  }

  /// One bit of a weight: nothing that is measured or learned on it is stored.
  @Test func damagedWeightsAreNotMeasuredForTheRecord() throws {
    let bytes = try damageWeights()
    for arguments in [
      ["transfer", "sound.ctpack", "a.ctpack", "--as", "x"] + Self.eval,
      ["prompt", "compare", "a.ctpack", "--store"] + Self.eval,
      [
        "prompt", "learn", "a.ctpack", "--as", "x", "--text", "test.txt", "--validation",
        "test.txt",
      ],
      ["eval", "a.ctpack", "--verify", "fast"] + Self.eval,
      ["eval", "a.ctpack", "--verify", "full"] + Self.eval,
      ["generate", "a.ctpack", "--prompt-text", "the", "--max-tokens", "2", "--verify", "fast"],
    ] {
      let result = try ctpack.run(arguments)
      #expect(result.status == 65, "\(arguments): \(result.errors)")
      #expect(result.errors.contains("model.norm.weight"), "\(arguments): \(result.errors)")
      #expect(result.errors.contains("ctpack recover"), "\(arguments): \(result.errors)")
      #expect(try folder.read("a.ctpack") == bytes, "\(arguments)")
    }
  }

  /// Weights so large that the loss has no exponential: an error of its own, and nothing stored.
  @Test func aPerplexityThatIsNoNumberIsNotStored() throws {
    let bundle = try ModelBundle(path: folder.file("sound.ctpack"))
    var writer = BundleWriter(path: folder.file("a.ctpack"))
    for section in bundle.sections
    where !(16...31).contains(section.typeID) && section.name != "model.norm.weight" {
      try writer.add(copying: section, from: bundle)
    }
    let values = ByteSlice([UInt8](floats: [Float](repeating: 1e6, count: 24)))
    writer.addTensor(
      try .dense(name: "model.norm.weight", shape: [24], format: .float32, values: values))
    try writer.finish()
    let before = try folder.read("a.ctpack")
    for arguments in [
      ["eval", "a.ctpack"] + Self.eval,
      ["transfer", "sound.ctpack", "a.ctpack", "--as", "x"] + Self.eval,
    ] {
      let result = try ctpack.run(arguments)
      #expect(result.status == 65, "\(arguments): \(result.errors)")
      #expect(result.errors.contains("beyond the range"), "\(arguments): \(result.errors)")
    }
    #expect(try folder.read("a.ctpack") == before)
    #expect(try ctpack("inspect", "a.ctpack", "--verify", "full").status == 0)
  }
}
