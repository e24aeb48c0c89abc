import BundleFormat
import Bytes
import TestSupport
import Testing

/// Routing keys, by which prompts are chosen: valid for their prompt and weights alone, and removed with
/// the prompt.
@Suite struct StoredRoutingKeyTests {
  let folder: TemporaryFolder
  let path: String
  let prompt: StoredAdapter

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    try Samples.write(path)
    prompt = try #require(try ModelBundle(path: path).adapter(named: "demo"))
  }

  func key(
    of prompt: StoredAdapter, key: [Float] = [0.5, -2, 3.25], weights: SHA256Digest? = nil
  ) throws -> StoredRoutingKey {
    StoredRoutingKey(
      of: prompt, weights: try weights ?? ModelBundle(path: path).weightsDigest, explained: 0.875,
      key: key, bias: -1.5)
  }

  @Test func itComesBackAndBothReadersAcceptIt() throws {
    try BundleEditor.append(to: path, sections: [.routingKey(key(of: prompt))])
    let bundle = try ModelBundle(path: path, verify: .full)
    #expect(bundle.check(.full).isEmpty)
    #expect(try bundle.routingKey(of: "demo") == key(of: prompt))
    #expect(try bundle.routingKey(of: "other") == nil)
    guard PythonReader.python != nil else { return }
    let result = try PythonReader.run([path, "--check"])
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func itGoesWithItsPrompt() throws {
    try BundleEditor.append(to: path, sections: [.routingKey(key(of: prompt))])
    var other = prompt
    other.objective = "the same vectors"
    try BundleEditor.append(to: path, sections: [.adapter(other)])
    #expect(try ModelBundle(path: path).routingKey(of: "demo") != nil)
    other.values[0] += 1
    try BundleEditor.append(to: path, sections: [.adapter(other)])
    #expect(try ModelBundle(path: path).sections(of: .promptRoutingKey).isEmpty)
    #expect(try ModelBundle(path: path, verify: .full).check(.full).isEmpty)
    // One of another prompt isn't used, and an audit says so.
    try BundleEditor.append(to: path, sections: [.routingKey(key(of: prompt))])
    let bundle = try ModelBundle(path: path)
    #expect(try bundle.routingKey(of: "demo") == nil)
    #expect(bundle.check(.full).contains { $0.finding.contains("isn't there") })
  }

  @Test func prefixesHaveThemToo() throws {
    let prefix = StoredAdapter(
      name: "keys", shape: .prefix(tokens: 1, layers: 2, width: 3),
      values: (0..<12).map { Float($0) }, binding: prompt.binding, objective: "kl",
      unvalidated: true)
    try BundleEditor.append(
      to: path, sections: [.adapter(prefix), .routingKey(key(of: prefix))])
    #expect(try ModelBundle(path: path).routingKey(of: "keys") == key(of: prefix))
    try BundleEditor.append(
      to: path, sections: [], removing: [BundleEditor.Key(type: .adapter, name: "keys")])
    #expect(try ModelBundle(path: path).sections(of: .promptRoutingKey).isEmpty)
  }

  @Test func thatOfOtherWeightsIsNotUsedAndSaid() throws {
    let elsewhere = SHA256Digest(hashing: ByteSlice([1]))
    try BundleEditor.append(
      to: path, sections: [.routingKey(key(of: prompt, weights: elsewhere))])
    let bundle = try ModelBundle(path: path)
    #expect(try bundle.routingKey(of: "demo") == nil)
    #expect(bundle.check(.full).contains { $0.finding.contains("other weights") })
  }

  @Test func valuesThatAreNoNumbersAreFound() throws {
    let wrong = NewSection.routingKey(try key(of: prompt, key: [1, .nan, 2]))
    #expect(throws: Failure.self) { try BundleEditor.append(to: path, sections: [wrong]) }
    let other = folder.file("wrong.ctpack")
    try Signing.rewrite(path, to: other, adding: [wrong])
    #expect(
      try ModelBundle(path: other).check(.full).contains { $0.finding.contains("isn't finite") })
    guard PythonReader.python != nil else { return }
    #expect(try PythonReader.run([other, "--check"]).status != 0)
  }
}
