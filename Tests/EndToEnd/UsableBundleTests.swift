import BundleFormat
import Bytes
import TestSupport
import Testing

/// Verified in full means usable: bundles with right hashes and sound sections whose model can't be
/// opened.
@Suite struct UsableBundleTests {
  let folder: TemporaryFolder
  var ctpack: Program { Program(folder: folder) }

  init() throws {
    folder = try TemporaryFolder()
    try BuiltBundle.write("a.ctpack", to: folder)
    try folder.write("test.txt", TinyCheckpoint.text(words: 400, seed: 3))
  }

  /// Writes b.ctpack: the build without the sections that `drops` names, and with `added`.
  private func write(
    adding added: [NewSection] = [], dropping drops: (Section) -> Bool = { _ in false }
  ) throws {
    let bundle = try ModelBundle(path: folder.file("a.ctpack"))
    var writer = BundleWriter(path: folder.file("b.ctpack"))
    for section in bundle.sections where !drops(section) {
      let isReplaced = added.contains { $0.type == section.type && $0.name == section.name }
      if !isReplaced { try writer.add(copying: section, from: bundle) }
    }
    writer.add(added)
    try writer.finish()
  }

  /// Prompts are bound to the weights, so they go when a tensor changes.
  private func isPrompt(_ section: Section) -> Bool { (16...31).contains(section.typeID) }

  /// Every command that promises a usable bundle refuses b.ctpack, and says what is wrong; the
  /// sections by themselves are sound.
  private func expectUnusable(_ words: String, _ name: String) throws {
    let path = folder.file("b.ctpack")
    let errors = try ModelBundle.audit(path: path, level: .full).filter { $0.severity == .error }
    #expect(errors.isEmpty, "\(name): \(errors)")
    let inspected = try ctpack("inspect", "b.ctpack", "--verify", "full", "--json")
    #expect(inspected.status == 65, "\(name): \(inspected.errors)")
    #expect(inspected.errors.contains(words), "\(name): \(inspected.errors)")
    #expect(inspected.json["verified"]?.string == "failed", "\(name)")
    let verified = try ctpack("verify", "b.ctpack")
    #expect(verified.status == 65 && verified.errors.contains(words), "\(name): \(verified.errors)")
    let used = try ctpack(
      "eval", "b.ctpack", "--text", "test.txt", "--protocol", "ctp-32", "--windows", "1",
      "--verify", "full")
    #expect(used.status == 65 && used.errors.contains(words), "\(name): \(used.errors)")
  }

  @Test func theBuildIsUsable() throws {
    try write()
    #expect(try ctpack("inspect", "b.ctpack", "--verify", "full").status == 0)
    for level in ["none", "fast", "full"] {
      let used = try ctpack(
        "eval", "b.ctpack", "--text", "test.txt", "--protocol", "ctp-32", "--windows", "1",
        "--verify", level)
      #expect(used.status == 0, "\(used.errors)")
    }
  }

  @Test func documentsThatAreMissing() throws {
    try write { $0.type == .tokenizer }
    try expectUnusable("no tokenizer section", "tokenizer")
    try write { $0.type == .modelConfiguration }
    try expectUnusable("no modelConfiguration section", "configuration")
  }

  @Test func tensorsThatAreMissingOrOfOtherShapes() throws {
    let key = "model.layers.1.post_attention_layernorm.weight"
    try write { isPrompt($0) || $0.name == key }
    try expectUnusable(key, "a norm of the second block")
    try write { isPrompt($0) || $0.name == "model.embed_tokens.weight" }
    try expectUnusable("model.embed_tokens.weight", "the embeddings")
    let values = ByteSlice([UInt8](floats: [Float](repeating: 1, count: 25)))
    let wide = try StoredTensor.dense(name: key, shape: [25], format: .float32, values: values)
    try write(adding: NewSection.tensor(wide)) { isPrompt($0) || $0.name == key }
    try expectUnusable("[25]", "a wider norm")
  }

  @Test func configurationsThatContradictTheTensors() throws {
    let bundle = try ModelBundle(path: folder.file("a.ctpack"))
    for (member, value, words) in [
      ("num_hidden_layers", 4, "model.layers.3"), ("intermediate_size", 48, "mlp"),
      ("vocab_size", 262, "vocabulary has 262 tokens"), ("model_type", "unheard-of", "unheard-of"),
    ] as [(String, JSON, String)] {
      var settings = try #require(try bundle.configuration.object)
      settings[member] = value
      try write(
        adding: [.document(.modelConfiguration, json: .object(settings))], dropping: isPrompt)
      try expectUnusable(words, member)
    }
  }

  @Test func tokensWithoutAnEmbedding() throws {
    var document = try #require(TinyCheckpoint.tokenizer.object)
    var model = try #require(document["model"]?.object)
    var vocabulary = try #require(model["vocab"]?.object)
    let count = vocabulary.count
    vocabulary["inn"] = JSON(count)
    model["vocab"] = .object(vocabulary)
    document["model"] = .object(model)
    let tokenizer = NewSection.document(
      .tokenizer, bytes: ByteSlice(JSON.object(document).canonicalBytes), layout: .json)
    // The provenance names the tokenizer that was there.
    try write(adding: [tokenizer]) { $0.type == .provenance }
    try expectUnusable("knows the id \(count)", "a token more")
  }

  @Test func promptsOfAnotherWidth() throws {
    let wide = StoredAdapter(
      name: "wide", tokens: 1, width: 25, embeddings: [Float](repeating: 0, count: 25),
      binding: .init(baseModel: nil, tokenizer: nil, weights: nil), objective: "kl",
      unvalidated: true)
    try write(adding: [.adapter(wide)])
    try expectUnusable("25 wide", "a wider prompt")
    let prefix = StoredAdapter(
      name: "deep", shape: .prefix(tokens: 1, layers: 2, width: 8),
      values: [Float](repeating: 0, count: 32),
      binding: .init(baseModel: nil, tokenizer: nil, weights: nil), objective: "kl",
      unvalidated: true)
    try write(adding: [.adapter(prefix)])
    try expectUnusable("2 blocks", "a prefix of two blocks")
  }
}
