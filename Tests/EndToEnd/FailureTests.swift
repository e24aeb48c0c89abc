import Bytes
import Foundation
import TestSupport
import Testing

/// Failures of the real program: each ends with its exit status and an error that names the file.
@Suite(.serialized) struct FailureTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  private func expect(
    _ status: Int32, _ words: String..., from arguments: [String],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try ctpack.run(arguments)
    #expect(
      result.status == status, "\(arguments): \(result.errors)", sourceLocation: location)
    for word in words {
      #expect(
        result.errors.contains(word), "\(arguments): \(result.errors)", sourceLocation: location)
    }
  }

  @Test func wrongUsageIs64() throws {
    try expect(64, "--nonsense", from: ["run", "small.yaml", "--nonsense"])
    try expect(64, from: ["inspect"])
    try expect(64, from: ["inspect", "x", "--verify", "hard"])
    try expect(
      64, "--until: there is no stage `fly`", from: ["run", "small.yaml", "--until", "fly"])
    try expect(64, "--threads", from: ["run", "small.yaml", "--threads", "0"])
    try expect(64, from: ["fly"])
    try expect(
      64, "--explain", from: ["status", "small.yaml", "--variant", "v", "--work", "store"])
    try expect(64, "ctp", from: ["eval", "model", "--text", "test.txt", "--protocol", "mine-3"])
    try expect(64, "only bundles", from: ["eval", "model", "--text", "test.txt", "--prompt", "p"])
  }

  @Test func adviceNamesTheOptionToUse() throws {
    try folder.write(
      "variants.yaml",
      "model: model\ncalibration: {text: train.txt}\nvariants: {a: {seed: 1}, b: {seed: 2}}\n")
    try expect(64, "choose one of a, b with --variant", from: ["run", "variants.yaml"])
    try folder.write("few.txt", "two words")
    try expect(
      64, "shorter windows (--seqlen)", from: ["eval", "model", "--text", "few.txt"])
  }

  @Test func helpAndVersionAre0() throws {
    let help = try ctpack("run", "--help")
    #expect(help.status == 0)
    #expect(help.output.contains("calibration:"))
    #expect(try ctpack("--version").output == "0.1.0\n")
  }

  @Test func invalidDataIs65() throws {
    try folder.write(
      "bad.yaml", "model: model\ncalibration: {text: train.txt}\ncompression: {bitz: 3}\n")
    try expect(65, "bad.yaml", "line 3", "did you mean `bits`", from: ["run", "bad.yaml"])
    try folder.write("latin.txt", [0x61, 0xE9, 0x62] + Array(repeating: 0x20, count: 100))
    try expect(65, "latin.txt", "byte 1", from: ["eval", "model", "--text", "latin.txt"])
    try folder.write("junk.ctpack", Array(repeating: UInt8(7), count: 5000))
    try expect(65, "junk.ctpack", from: ["inspect", "junk.ctpack"])
    try expect(65, "junk.ctpack", from: ["eval", "junk.ctpack", "--text", "test.txt"])
    try expect(65, "junk.ctpack", from: ["prompt", "list", "junk.ctpack"])
    try folder.write("short.txt", "two words")
    try folder.write(
      "short.yaml",
      "model: model\ncalibration: {text: short.txt, windows: 4, length: 32}\n"
        + "compression: {group_size: 8}\n")
    try expect(65, "short.txt", "tokens", from: ["run", "short.yaml"])
    try folder.write(
      "wide.yaml",
      "model: model\ncalibration: {text: train.txt}\ncompression: {group_size: 999}\n")
    try expect(65, "wide.yaml: line 3", "wider than a row", from: ["run", "wide.yaml"])
  }

  @Test func aNaNInTheCheckpointIsNamed() throws {
    var model = TinyCheckpoint()
    model.damaged = "model.layers.1.mlp.up_proj.weight"
    try model.write(to: folder, "nan")
    try folder.write("nan.yaml", Workshop.recipe(model: "nan"))
    try expect(
      65, "model.layers.1.mlp.up_proj.weight", "value 5 is not a finite number",
      from: ["run", "nan.yaml"])
  }

  @Test func missingInputIs66() throws {
    try expect(66, "none.yaml", from: ["run", "none.yaml"])
    try expect(66, "none.ctpack", from: ["inspect", "none.ctpack"])
    try expect(66, "none.txt", from: ["eval", "model", "--text", "none.txt"])
    try expect(66, "nothing was built", "--work", from: ["status", "model"])
    try folder.write("gone.yaml", "model: gone\ncalibration: {text: train.txt}\n")
    try expect(66, "line 1", "gone does not exist", from: ["run", "gone.yaml"])
  }

  @Test func anUnwritableOutputIs73() throws {
    try expect(73, "no/such/x.ctpack", from: ["run", "small.yaml", "--out", "no/such/x.ctpack"])
    try expect(
      73, "is a folder; name a file with --out", from: ["run", "small.yaml", "--out", "model"])
    try expect(
      73, "not a work folder", "another folder with --work",
      from: ["run", "small.yaml", "--work", "model"])
  }

  /// A full disk, simulated by a limit on file sizes, ends the run with 74; the earlier artifact stays
  /// intact, and the next run succeeds.
  @Test func aFullDiskIs74AndLeavesTheArtifactIntact() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    let before = try folder.read("small.ctpack")
    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    let full = try ctpack.run(["run", "small.yaml"], shell: "ulimit -f 16")
    #expect(full.status == 74, "\(full.errors)")
    #expect(try folder.read("small.ctpack") == before)
    #expect(try ctpack("inspect", "small.ctpack", "--verify", "full").status == 0)
    let again = try ctpack("run", "small.yaml")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try ctpack("inspect", "small.ctpack", "--verify", "full").status == 0)
    #expect(try folder.read("small.ctpack") != before)
  }

  @Test func fullStandardOutputIs74() throws {
    let result = try ctpack.run(["tokenize", "model", "test.txt"], shell: "exec >/dev/full")
    #expect(result.status == 74)
    #expect(result.errors.contains("standard output"))
  }

  @Test func aSecondRunOnTheSameFolderIs75() throws {
    #expect(try ctpack("run", "small.yaml", "--until", "import").status == 0)
    let lock = try FileLock(path: folder.file("small.work/lock"))
    try expect(75, "process \(ProcessUsage.identifier)", from: ["run", "small.yaml"])
    #expect(try ctpack("run", "small.yaml", "--explain").status == 0)
    withExtendedLifetime(lock) {}
  }

  /// One flipped bit anywhere in a bundle's content is an error, in JSON too. In the commit record that no
  /// edit has used yet it looks like an interrupted edit, and the bundle stays valid.
  @Test func aDamagedBundleIs65() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    let good = try folder.read("small.ctpack")
    var random = TestRandom()
    // The commit record for the first edit; the build's own record follows it.
    let spare = 4096..<4224
    #expect(good[spare].allSatisfy { $0 == 0 })
    for _ in 0..<12 {
      var bad = good
      var at = 4096 + random.below(good.count - 4096 - spare.count)
      if at >= spare.lowerBound { at += spare.count }
      bad[at] ^= 1 << UInt8(random.below(8))
      try folder.write("bad.ctpack", bad)
      let result = try ctpack("inspect", "bad.ctpack", "--json", "--verify", "fast")
      #expect(result.status == 65, "byte \(at), \(random.note)")
      #expect(result.json["verified"]?.string == "failed", "byte \(at), \(random.note)")
      #expect(result.json["problems"]?.array?.isEmpty == false, "byte \(at), \(random.note)")
    }
    var touched = good
    touched[spare.lowerBound + 40] ^= 1
    try folder.write("bad.ctpack", touched)
    let page = try ctpack("inspect", "bad.ctpack", "--json", "--verify", "fast")
    #expect(page.status == 0 && page.output.contains("cut short"))
    for length in [0, 1, 100, 4096, good.count / 2, good.count - 1] {
      try folder.write("bad.ctpack", Array(good.prefix(length)))
      let result = try ctpack("inspect", "bad.ctpack", "--json")
      #expect(result.status == 65, "cut to \(length)")
      #expect(result.json["verified"]?.string == "failed")
    }
  }

  @Test func aBrokenPipeIsNoError() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    let result = try ctpack.run(
      ["inspect", "small.ctpack", "--json"],
      shell:
        "exec 3>&1; set -- \"$0\" \"$@\"; { \"$@\"; echo $? >&3; } | head -c 10 >/dev/null; exit 0")
    #expect(result.output == "0\n", "\(result.output) \(result.errors)")
  }
}
