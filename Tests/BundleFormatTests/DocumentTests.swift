import BundleFormat
import Bytes
import TestSupport
import Testing

@Suite struct DocumentTests {
  @Test func recordsKeepWhatTheyDontKnow() throws {
    var evidence = Samples.evidence
    evidence.other["mood"] = 0.125
    evidence.prompt = "demo"
    #expect(try EvidenceRecord(json: JSON(parsing: evidence.json.canonicalBytes)) == evidence)
    var provenance = Samples.provenance
    provenance.other["note"] = "x"
    #expect(try Provenance(json: JSON(parsing: provenance.json.canonicalBytes)) == provenance)
    let event = EventRecord(stage: "s", kind: "k", detail: ["n": 3])
    #expect(try EventRecord(json: event.json) == event)
    let origin = SectionOrigin(stage: Samples.digest("s"), inputs: [("a", Samples.digest("i"))])
    #expect(try SectionOrigin(json: origin.json) == origin)
  }

  /// Each member on its own: gone, or of another kind, it must be named.
  @Test func missingAndMistypedMembersAreNamed() throws {
    func check(_ json: JSON, optional: Set<String>, _ read: (JSON) throws -> Void) throws {
      for (key, value) in try #require(json.object) {
        var without = try #require(json.object)
        without[key] = nil
        var other = try #require(json.object)
        if case .bool = value { other[key] = 7 } else { other[key] = true }
        if !optional.contains(key) {
          let missing = #expect(throws: Failure.self) { try read(.object(without)) }
          #expect(missing?.place?.contains(key) == true, "\(key)")
        }
        #expect(throws: Failure.self, "\(key)") { try read(.object(other)) }
      }
    }
    try check(Samples.evidence.json, optional: ["text_sha256"]) { _ = try EvidenceRecord(json: $0) }
    var provenance = Samples.provenance
    let start = Provenance.InitialPrompt(
      name: "other.ctpack", sha256: Samples.digest("file"), content: Samples.digest("content"))
    provenance.initialPrompt = start
    #expect(try Provenance(json: provenance.json) == provenance)
    try check(
      provenance.json, optional: ["base_model_name", "tokenizer", "recipe", "initial_prompt"]
    ) { _ = try Provenance(json: $0) }
    try check(start.json, optional: []) { _ = try Provenance.InitialPrompt(json: $0) }
    try check(
      EventRecord(stage: "s", tensor: "t", kind: "k").json, optional: ["tensor"]
    ) { _ = try EventRecord(json: $0) }
    try check(
      Samples.prompt("p", weights: Samples.digest("w")).validatedOn[0].json, optional: []
    ) { _ = try Validation(json: $0) }
  }

  private static func chosen(_ a: Int, _ b: Int) -> EvidenceRecord {
    var record = Samples.evidence
    (record.prompt, record.windows) = ("auto", 12)
    record.choice = ChoiceRecord(
      rule: "random", seed: 7,
      shares: [.init(prompt: "a", windows: a), .init(prompt: "b", windows: b)])
    record.rest = RestRecord(from: 32, ppl: 19.5, scoredTokens: 40)
    return record
  }

  @Test func choicesAreKeptAndCheckedAgainstTheirWindows() throws {
    let record = Self.chosen(5, 7)
    #expect(try EvidenceRecord(json: JSON(parsing: record.json.canonicalBytes)) == record)
    #expect(try EvidenceRecord(json: Samples.evidence.json).choice == nil)
    #expect(throws: Failure.self) { try EvidenceRecord(json: Self.chosen(5, 8).json) }
    #expect(throws: Failure.self) { try EvidenceRecord(json: Self.chosen(-1, 13).json) }
    var nobody = record
    nobody.prompt = nil
    #expect(throws: Failure.self) { try EvidenceRecord(json: nobody.json) }
    var long = record
    long.rest?.scoredTokens = 101
    #expect(throws: Failure.self) { try EvidenceRecord(json: long.json) }
  }

  /// A newer number replaces the older one of the same kind, and no other.
  @Test func measurementsReplaceTheirLike() {
    let (plain, first) = (Samples.evidence, Self.chosen(5, 7))
    var oracle = first
    oracle.choice?.rule = "oracle"
    var again = first
    again.ppl = 1
    let merged = EvidenceRecord.merged([plain, first, oracle], with: [again])
    #expect(merged == [plain, oracle, again])
    #expect(first.uses(prompt: "b") && !first.uses(prompt: "auto"))
    #expect(!plain.uses(prompt: "b"))
  }

  @Test func impossibleNumbersAreRefused() {
    for (key, value) in [
      ("ppl", -1.0 as JSON), ("ppl_stderr", -0.5), ("scored_tokens", -1), ("tokens", 3),
    ] {
      var object = Samples.evidence.json.object ?? [:]
      object[key] = value
      #expect(throws: Failure.self, "\(key)") { try EvidenceRecord(json: .object(object)) }
    }
  }

  /// Full verification names the section whose promise is broken, and lists all of them.
  @Test func theAuditFindsEveryBrokenPromise() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a")
    var writer = BundleWriter(path: path)
    writer.add(.document(.provenance, json: ["base_model": "short"]))
    writer.add(.document(.evidence, json: ["not": "an array"]))
    writer.add(.document(.tokenizer, bytes: ByteSlice(Array("{".utf8))))
    writer.addAdapter(Samples.prompt("lost", weights: Samples.digest("elsewhere")))
    var moved = Samples.prompt("measured", weights: Samples.digest("elsewhere"))
    let weights = try writer.weightsDigest()
    moved.validatedOn[0].weights = weights
    writer.addAdapter(moved)
    writer.addAdapter(
      Samples.prompt("frank", weights: Samples.digest("elsewhere"), unvalidated: true))
    try writer.finishUnchecked()
    #expect(try ModelBundle(path: path, verify: .fast).weightsDigest == weights)
    let places = try ModelBundle.audit(path: path, level: .full).map(\.place)
    #expect(
      places == [
        "tokenizer \"tokenizer.json\"", "provenance \"provenance\"", "evidence \"evidence\"",
        "prompt \"lost\"",
      ])
  }
}
