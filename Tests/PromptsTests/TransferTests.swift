import BundleFormat
import Bytes
import Checkpoints
import Prompts
import TestSupport
import Testing

/// Transfers between small bundles of the same base model with other weights, and of other base
/// models.
@Suite struct TransferTests {
  let folder: TemporaryFolder
  let validation = { (weights: SHA256Digest) in
    Validation(
      weights: weights, protocol: "ctp-16", text: "t", textDigest: nil, pplWithout: 9, pplWith: 8,
      scoredTokens: 15)
  }

  init() throws { folder = try TemporaryFolder() }

  /// A bundle with one tensor of `weight`s, and prompts bound to its base model and tokenizer.
  func bundle(
    _ name: String, weight: Float, base: String = "base", tokenizer: String = "{}",
    width: Int = 3, prompts: [String] = []
  ) throws -> ModelBundle {
    let path = folder.file(name)
    var writer = BundleWriter(path: path)
    let values = [UInt8](floats: Array(repeating: weight, count: 6))
    writer.addTensor(
      try .dense(name: "w", shape: [2, 3], format: .float32, values: ByteSlice(values)))
    writer.add(.document(.modelConfiguration, json: ["hidden_size": JSON(width)]))
    let vocabulary = ByteSlice(Array(tokenizer.utf8))
    writer.add(.document(.tokenizer, bytes: vocabulary))
    let (baseDigest, tokenizerDigest) = (
      SHA256Digest(hashing: Array(base.utf8)), SHA256Digest(hashing: vocabulary)
    )
    writer.add(
      .provenance(
        Provenance(
          baseModel: baseDigest, tokenizer: tokenizerDigest, data: [], recipe: nil,
          programVersion: "1", kernelClass: "k", stages: [])))
    for (index, prompt) in prompts.enumerated() {
      writer.addAdapter(
        StoredAdapter(
          name: prompt, tokens: 2, width: width,
          embeddings: (0..<2 * width).map { Float($0 + 10 * index) },
          binding: .init(baseModel: baseDigest, tokenizer: tokenizerDigest, weights: nil),
          objective: "cross-entropy"))
    }
    try writer.finish()
    return try ModelBundle(path: path)
  }

  func isRefused(_ kind: Failure.Kind, naming word: String, _ body: () throws -> Void) -> Bool {
    isRefused(body) { $0.kind == kind && $0.description.contains(word) }
  }

  func isRefused(
    _ kind: Failure.Kind, because reason: Failure.Reason, _ body: () throws -> Void
  ) -> Bool {
    isRefused(body) { $0.kind == kind && $0.reason == reason }
  }

  private func isRefused(_ body: () throws -> Void, _ isMeant: (Failure) -> Bool) -> Bool {
    do { try body() } catch {
      guard let failure = error as? Failure else { return false }
      return isMeant(failure)
    }
    return false
  }

  @Test func aMeasuredPromptArrivesWithItsRecord() throws {
    let source = try bundle("a", weight: 1, prompts: ["p"])
    let target = try bundle("b", weight: 2)
    var transfer = try Transfer(from: source, to: target, as: "q")
    #expect(!transfer.isValidated)
    transfer.add(validation(transfer.targetWeights))
    transfer.add(validation(transfer.targetWeights))
    #expect(transfer.isValidated)
    try transfer.write()

    let after = try ModelBundle(path: target.path, verify: .full)
    let arrived = try after.adapter(named: "q")
    let prompt = try #require(arrived)
    #expect(prompt.values == [0, 1, 2, 3, 4, 5])
    #expect(prompt.unvalidated == false)
    #expect(prompt.validatedOn == [validation(target.weightsDigest)])
    #expect(after.weightsDigest == target.weightsDigest)
    #expect(after.generation == target.generation + 1)
  }

  /// A routing key moves with its prompt, under its new name, to the same weights only; other
  /// weights get the key that was learned on them.
  @Test func aRoutingKeyArrivesWithItsPrompt() throws {
    let source = try bundle("a", weight: 1, prompts: ["p"])
    let target = try bundle("b", weight: 2)
    let same = try bundle("c", weight: 1)
    let prompt = try #require(try source.adapter(named: "p"))
    func key(of prompt: StoredAdapter, weights: SHA256Digest) -> StoredRoutingKey {
      StoredRoutingKey(
        of: prompt, weights: weights, explained: 0.5, key: [1, 2, -3, 4], bias: -0.25)
    }
    try BundleEditor.edit(source.path) { (edit) throws(Failure) in
      edit.add(.routingKey(key(of: prompt, weights: source.weightsDigest)))
    }
    let changed = try ModelBundle(path: source.path)
    try Transfer("p", from: changed, to: target, as: "r").write(allowUnvalidated: true)
    #expect(try ModelBundle(path: target.path).routingKey(of: "r") == nil)
    var learned = try Transfer("p", from: changed, to: target, as: "q")
    learned.add(key(of: learned.prompt, weights: learned.targetWeights))
    try learned.write(allowUnvalidated: true)
    try Transfer("p", from: changed, to: same, as: "q").write(allowUnvalidated: true)
    for path in [target.path, same.path] {
      let after = try ModelBundle(path: path, verify: .full)
      #expect(after.check(.full).allSatisfy { $0.severity == .note })
      let there = try #require(try after.routingKey(of: "q"))
      #expect(there.key == [1, 2, -3, 4] && there.bias == -0.25 && there.name == "q")
      try AdapterLibrary.remove(["q"], from: path)
      #expect(try ModelBundle(path: path).sections(of: .promptRoutingKey).isEmpty)
    }
  }

  @Test func anUnvalidatedPromptHasToBeAllowed() throws {
    let source = try bundle("a", weight: 1, prompts: ["p"])
    let target = try bundle("b", weight: 2)
    let transfer = try Transfer(from: source, to: target)
    #expect(isRefused(.notMet, because: .promptUnvalidated) { try transfer.write() })
    #expect(try ModelBundle(path: target.path).adapters.isEmpty)
    try transfer.write(allowUnvalidated: true)
    #expect(try ModelBundle(path: target.path).adapter(named: "p")?.unvalidated == true)
  }

  @Test func otherModelsTokenizersAndWidthsAreRefused() throws {
    let source = try bundle("a", weight: 1, prompts: ["p"])
    let otherBase = try bundle("b", weight: 1, base: "another")
    let otherTokenizer = try bundle("c", weight: 1, tokenizer: "[]")
    let wider = try bundle("d", weight: 1, width: 4)
    #expect(
      isRefused(.notMet, naming: "base model") { _ = try Transfer(from: source, to: otherBase) })
    #expect(
      isRefused(.notMet, naming: "tokenizer") { _ = try Transfer(from: source, to: otherTokenizer) }
    )
    #expect(isRefused(.notMet, naming: "3 wide") { _ = try Transfer(from: source, to: wider) })
  }

  /// Prefixes and low-rank updates are transferred like prompts, to models that have their layers.
  @Test func adaptersFollowTheSameRules() throws {
    func model(_ name: String, layers: Int, seed: Float) throws -> ModelBundle {
      let path = folder.file(name)
      var writer = BundleWriter(path: path)
      let values = ByteSlice([UInt8](floats: (0..<24).map { Float($0) + seed }))
      writer.addTensor(
        try .dense(
          name: "model.layers.0.self_attn.v_proj.weight", shape: [4, 6], format: .float32,
          values: values))
      let c = ModelConfiguration(
        vocabularySize: 5, hiddenSize: 6, intermediateSize: 8, layers: layers, heads: 4, kvHeads: 2,
        headDim: 2)
      writer.add(.document(.modelConfiguration, json: c.canonical))
      try writer.finish()
      return try ModelBundle(path: path)
    }
    let target = LowRankTarget(
      tensor: "model.layers.0.self_attn.v_proj.weight", outputs: 4, inputs: 6)
    let shapes: [(AdapterShape, Int)] = [
      (.prefix(tokens: 1, layers: 1, width: 4), 8),
      (.lowRank(LowRankShape(rank: 1, alpha: 2, targets: [target])), 10),
    ]
    let source = try model("e", layers: 1, seed: 0)
    for (shape, count) in shapes {
      try BundleEditor.edit(source.path) { (edit) throws(Failure) in
        edit.add(
          .adapter(
            StoredAdapter(
              name: shape.kind.rawValue, shape: shape, values: (0..<count).map { Float($0) },
              binding: .init(baseModel: nil, tokenizer: nil, weights: nil),
              objective: "cross-entropy")))
      }
      let same = try model("f", layers: 1, seed: 1)
      let transfer = try Transfer(
        shape.kind.rawValue, from: ModelBundle(path: source.path), to: same)
      #expect(isRefused(.notMet, because: .promptUnvalidated) { try transfer.write() })
      try transfer.write(allowUnvalidated: true)
      let arrived = try ModelBundle(path: same.path, verify: .full).adapter(
        named: shape.kind.rawValue)
      #expect(arrived?.shape == shape && arrived?.values.count == count)
    }
    let deeper = try model("g", layers: 2, seed: 0)
    #expect(
      isRefused(.notMet, naming: "1 blocks") {
        _ = try Transfer("prefix", from: ModelBundle(path: source.path), to: deeper)
      })
  }

  @Test func ambiguousNamesAreRefused() throws {
    let source = try bundle("a", weight: 1, prompts: ["p", "q"])
    let target = try bundle("b", weight: 2)
    #expect(isRefused(.usage, naming: "p, q") { _ = try Transfer(from: source, to: target) })
    #expect(isRefused(.usage, naming: "“r”") { _ = try Transfer("r", from: source, to: target) })
    #expect(isRefused(.usage, naming: "no prompt") { _ = try Transfer(from: target, to: source) })
    try Transfer("p", from: source, to: target).write(allowUnvalidated: true)
    let now = try ModelBundle(path: target.path)
    #expect(
      isRefused(.usage, because: .promptNameTaken) {
        _ = try Transfer("q", from: source, to: now, as: "p")
      })
    // Transferring the same prompt again is not a conflict.
    try Transfer("p", from: source, to: now).write(allowUnvalidated: true)
    #expect(try ModelBundle(path: target.path).adapters.count == 1)
  }

  @Test func refusalsShowBothDigests() throws {
    let source = try bundle("a", weight: 1, prompts: ["p"])
    let otherBase = try bundle("b", weight: 1, base: "another")
    let otherTokenizer = try bundle("c", weight: 1, tokenizer: "[]")
    for (target, ours, theirs) in [
      (otherBase, try source.baseModelDigest, try otherBase.baseModelDigest),
      (otherTokenizer, source.tokenizerDigest, otherTokenizer.tokenizerDigest),
    ] {
      for digest in [ours, theirs] {
        let hex = try #require(digest).hex
        #expect(isRefused(.notMet, naming: hex) { _ = try Transfer(from: source, to: target) })
      }
    }
  }

  @Test func severalPromptsArriveTogetherOrNotAtAll() throws {
    let source = try bundle("a", weight: 1, prompts: ["p", "q", "r"])
    let target = try bundle("b", weight: 2)
    var transfers = try ["p", "q", "r"].map { try Transfer($0, from: source, to: target) }
    transfers[0].add(validation(transfers[0].targetWeights))
    #expect(isRefused(.notMet, naming: "“q”") { try Transfer.write(transfers) })
    #expect(try ModelBundle(path: target.path).generation == target.generation)
    let generation = try Transfer.write(transfers, allowUnvalidated: true)
    #expect(generation == target.generation + 1, "one commit")
    let after = try ModelBundle(path: target.path, verify: .full)
    #expect(try after.adapters.map(\.name) == ["p", "q", "r"])
    #expect(try after.adapters.map(\.unvalidated) == [false, true, true])
  }

  @Test func namesAreCheckedTogether() throws {
    let source = try bundle("a", weight: 1, prompts: ["p", "q"])
    let target = try bundle("b", weight: 2)
    let transfers = [
      try Transfer("p", from: source, to: target, as: "x"),
      try Transfer("q", from: source, to: target, as: "x"),
    ]
    #expect(
      isRefused(.usage, because: .promptNamesEqual) {
        try Transfer.write(transfers, allowUnvalidated: true)
      })
    #expect(isRefused(.usage, naming: "nothing") { try Transfer.write([]) })
    for name in ["auto", "none"] {
      #expect(
        isRefused(.usage, naming: name) {
          _ = try Transfer("p", from: source, to: target, as: name)
        })
    }
    #expect(try ModelBundle(path: target.path).adapters.isEmpty)
  }
}
