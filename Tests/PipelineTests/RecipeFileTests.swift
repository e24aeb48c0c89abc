import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

/// Recipe files: variants, planning without input files, and hostile content.
@Suite struct RecipeFileTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("data/train.txt", "text")
    try folder.write("model/config.json", "{}")
  }

  /// A variant changes, adds and removes single fields.
  @Test func variantsAreMergedIntoTheRecipe() throws {
    let yaml = """
      name: family
      model: model
      calibration: {text: data/train.txt, windows: 8, length: 64}
      compression: {method: gptq, bits: 4, group_size: 32}
      variants:
        low: {compression: {bits: 2}, calibration: {windows: 9}}
        sparse: {compression: {method: sparsegpt, bits: none, group_size: ~, sparsity: 0.5}}
        wrong: {compression: {bitz: 2}}
      """
    func variant(_ name: String?) throws -> Recipe {
      try Recipe(yaml: yaml, path: folder.file("r.yaml"), variant: name)
    }
    let low = try variant("low")
    #expect(low.name == "family-low")
    #expect(low.compression.settings.linear.grid.bits == 2)
    #expect(low.compression.settings.linear.grid.group == .columns(32))
    #expect(low.calibration.windows == 9 && low.calibration.length == 64)
    let sparse = try variant("sparse")
    #expect(!sparse.compression.settings.linear.quantizes)
    #expect(sparse.compression.settings.linear.sparsity == .share(0.5))
    func failure(_ name: String?) -> Failure? {
      #expect(throws: Failure.self) { try variant(name) }
    }
    let none = failure(nil)
    #expect(none?.kind == .usage)
    #expect(none?.advice == "choose one of low, sparse, wrong" && none?.reason == .variantNeeded)
    #expect(failure("high")?.finding == "there is no variant `high`")
    #expect(failure("wrong")?.place == "line 8")
    #expect(throws: Failure.self) {
      try Recipe(
        yaml: "model: model\ncalibration: {text: data/train.txt}", path: folder.file("r.yaml"),
        variant: "low")
    }
  }

  /// If the recipe gives the model's shape, a build can be planned without its input files.
  @Test func aRecipeCanBePlannedWithoutFiles() throws {
    try folder.write("shape.json", "{}")
    let yaml = """
      model: {path: "${NOWHERE}/model", shape: shape.json}
      calibration: {text: data/none.txt}
      """
    let planned = try Recipe(yaml: yaml, path: folder.file("r.yaml"), planning: true)
    #expect(planned.missing.count == 2)
    #expect(planned.shape == folder.file("shape.json"))
    let failure = #expect(throws: Failure.self) {
      try Recipe(yaml: yaml, path: folder.file("r.yaml"))
    }
    #expect(failure?.kind == .inputMissing)
  }

  @Test func aMissingRecipeIsAMissingInput() {
    let failure = #expect(throws: Failure.self) { try Recipe(path: folder.file("none.yaml")) }
    #expect(failure?.kind == .inputMissing)
  }

  /// Every hostile file is rejected in less than two seconds.
  @Test(arguments: hostile.keys.sorted())
  func hostileFilesAreRefused(name: String) throws {
    let content = try #require(Self.hostile[name])
    let path = try folder.write("hostile.yaml", content)
    let clock = ContinuousClock()
    var failure: Failure?
    let time = clock.measure {
      failure = #expect(throws: Failure.self) { try Recipe(path: path) }
    }
    #expect(failure?.kind == .invalidData, "\(failure?.description ?? "")")
    #expect(failure?.file == path)
    #expect(time < .seconds(2))
  }

  /// Asterisks in comments and quotes are no aliases, however many there are.
  @Test func asterisksThatAreNoAliasesAreRead() {
    let bullets = (0..<20).map { "# * point \($0)\n" }.joined()
    let yaml =
      bullets + "name: \"a *b *c *d\" # *one *two *three *four *five *six *seven *eight *nine\n"
    let failure = #expect(throws: Failure.self) { try Recipe(yaml: yaml, path: "r.yaml") }
    #expect(failure?.description.contains("model") == true)
    #expect(failure?.description.contains("aliases") == false)
  }

  /// A few aliases are what they are for.
  @Test func eightAliasesAreAllowedAndNineAreNot() {
    func finding(_ count: Int) -> String {
      let list = (0..<count).map { _ in "*a" }.joined(separator: ", ")
      do {
        _ = try Recipe(yaml: "name: &a x\nlist: [\(list)]\n", path: folder.file("r.yaml"))
        return ""
      } catch { return error.description }
    }
    #expect(!finding(8).contains("aliases"))
    #expect(finding(9).contains("line 2") && finding(9).contains("more than 8 aliases"))
  }

  static let hostile: [String: [UInt8]] = {
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    for i in 1..<20 {
      bomb += "a\(i): &a\(i) [" + (0..<9).map { _ in "*a\(i - 1)" }.joined(separator: ",") + "]\n"
    }
    return [
      "empty": [], "only a comment": text("# nothing\n"), "a scalar": text("hello"),
      "a list": text("- 1\n- 2\n"), "not utf-8": [0x61, 0x3A, 0x20, 0xFF, 0xFE, 0x0A],
      "utf-16": [0xFF, 0xFE, 0x61, 0x00, 0x3A, 0x00], "a NUL": text("a: \u{0}b"),
      "alias bomb": text(bomb),
      "alias bomb after comments inside quotes": text(
        bomb.replacing("[*", with: "[\"x\n# \", *")),
      "alias bomb as a key": text(bomb + "? *a19\n: 1\n"),
      "alias bomb in one flow": text(
        "x: [&b0 [x], "
          + (1..<30).map { "&b\($0) [*b\($0 - 1), *b\($0 - 1)]" }.joined(separator: ", ") + "]"),
      "alias bomb after carriage returns": text(
        "# x\r" + bomb.replacing("\n", with: "\r")),
      "deep brackets": text("a: " + String(repeating: "[", count: 100_000)),
      "deep closed brackets": text(
        "a: " + String(repeating: "[", count: 900) + String(repeating: "]", count: 900)),
      "deep indentation": text(
        (0..<300).map { String(repeating: " ", count: $0) + "a:\n" }.joined()),
      "huge": [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20),
      "two documents": text("a: 1\n---\nb: 2\n"), "unclosed quote": text("a: \"b\n"),
      "unknown alias": text("a: *missing\n"), "self alias": text("&a a: *a\n"),
      "tab indentation": text("a:\n\t- b\n"),
      "many questions": text(String(repeating: "? ", count: 5000)),
      "many braces": text(String(repeating: "{a: ", count: 5000)),
      "binary": (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 7) },
    ]
  }()
}
