import BundleFormat
import Bytes
import TestSupport
import Testing

/// A prompt's stored keys and values: there for their prompt and weights, gone with them.
@Suite struct KeyValueTests {
  let folder: TemporaryFolder
  let path: String
  let prompt: StoredAdapter

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
    prompt = try #require(try ModelBundle(path: path).adapter(named: "demo"))
  }

  func stored(_ weights: SHA256Digest? = nil) throws -> StoredKeyValues {
    let count = 4 * prompt.tokens * 2 * 6
    let values = ByteSlice((0..<count).map { $0 % 2 == 0 ? UInt8($0 & 255) : 0x30 })
    return StoredKeyValues(
      of: prompt, layers: 2, width: 6,
      weights: try weights ?? ModelBundle(path: path).weightsDigest, values: values)
  }

  @Test func theyComeBackAndBothReadersAcceptThem() throws {
    try BundleEditor.append(to: path, sections: [.keyValues(stored())])
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.check(.full).isEmpty)
    let back = try #require(try bundle.keyValues(of: "demo"))
    #expect(back.values.array == (try stored().values.array))
    #expect((back.tokens, back.layers, back.width) == (prompt.tokens, 2, 6))
    #expect(try bundle.keyValues(of: "other") == nil)
    guard PythonReader.python != nil else { return }
    let result = try PythonReader.run([path, "--check"])
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func theyGoWithTheirPrompt() throws {
    try BundleEditor.append(to: path, sections: [.keyValues(stored())])
    var measured = prompt
    measured.objective = "the same vectors"
    try BundleEditor.append(to: path, sections: [.adapter(measured)])
    #expect(try ModelBundle(path: path).keyValues(of: "demo") != nil)
    var other = prompt
    other.values[0] += 1
    try BundleEditor.append(to: path, sections: [.adapter(other)])
    #expect(try ModelBundle(path: path).sections(of: .promptKeyValues).isEmpty)
    #expect(try ModelBundle(path: path, verify: .full).check(.full).isEmpty)
    try BundleEditor.append(to: path, sections: [.adapter(prompt), .keyValues(stored())])
    try BundleEditor.append(
      to: path, sections: [], removing: [BundleEditor.Key(type: .prompt, name: "demo")])
    #expect(try ModelBundle(path: path).sections(of: .promptKeyValues).isEmpty)
  }

  @Test func thoseOfOtherWeightsOrPromptsAreNotUsedAndSaid() throws {
    let elsewhere = SHA256Digest(hashing: ByteSlice([1]))
    try BundleEditor.append(to: path, sections: [.keyValues(stored(elsewhere))])
    let bundle = try ModelBundle(path: path)
    #expect(try bundle.keyValues(of: "demo") == nil)
    #expect(bundle.check(.full).contains { $0.finding.contains("other weights") })
  }

  @Test func wrongSizesAreRefused() throws {
    var wrong = try stored()
    wrong.layers = 3
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.append(to: path, sections: [.keyValues(wrong)])
    }
    #expect(failure?.kind == .invalidData && failure?.place == "promptKeyValues \"demo\"")
    let other = folder.file("wrong.ctpack")
    try Signing.rewrite(path, to: other, adding: [.keyValues(wrong)])
    let bundle = try ModelBundle(path: other)
    #expect(throws: Failure.self) { try bundle.keyValues(of: "demo") }
    #expect(!bundle.check(.full).isEmpty)
    guard PythonReader.python != nil else { return }
    #expect(try PythonReader.run([other, "--check"]).status != 0)
  }
}
