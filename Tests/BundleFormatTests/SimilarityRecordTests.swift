import BundleFormat
import Bytes
import TestSupport
import Testing

/// Comparisons of inner values in the evidence: their form, their check, and what edits keep.
@Suite struct SimilarityRecordTests {
  let folder: TemporaryFolder
  private let comparison = SimilarityRecord(
    modelDigest: SHA256Digest(hashing: [7]), attention: [1, 0.5], activations: [0.25, -1],
    attentionErrors: [0, 0.125], activationErrors: [0.5, 2], promptShare: [0, 1])

  init() throws { folder = try TemporaryFolder() }

  private func record(_ ppl: Double, _ similarity: JSON?) throws -> EvidenceRecord {
    var object: JSONObject = [
      "protocol": "ctp-8", "text": "t", "model": "compressed", "prompt": .null,
      "ppl": .number(ppl), "ppl_stderr": 0.5, "nll": 2.0, "scored_tokens": 7, "tokens": 8,
      "windows": 1,
    ]
    object["similarity"] = similarity
    return try EvidenceRecord(json: .object(object))
  }

  private func write(_ records: [EvidenceRecord]) throws -> String {
    var writer = BundleWriter(path: folder.file("a.ctpack"))
    writer.addTensor(
      try .dense(
        name: "w", shape: [2], format: .float32, values: ByteSlice([UInt8](floats: [1, 2]))))
    writer.add(.evidence(records))
    try writer.finish()
    return folder.file("a.ctpack")
  }

  @Test func recordsAreReadAsTheyWereWritten() throws {
    let path = try write([try record(3, comparison.json), try record(4, nil)])
    let evidence = try ModelBundle(path: path, verify: .full).evidence
    #expect(try evidence[0].similarity() == comparison)
    #expect(try evidence[1].similarity() == nil)
    var one = comparison
    (one.modelDigest, one.attentionErrors, one.activationErrors) = (nil, nil, nil)
    one.promptShare = nil
    #expect(try SimilarityRecord(json: one.json) == one)
    #expect(one.json.object?.count == 2)
    #expect(try evidence[1].with(one).similarity() == one)
    #expect(try evidence[0].with(nil).similarity() == nil)
  }

  @Test(arguments: [
    "attention", "activations", "attention_stderr", "activations_stderr", "prompt_share",
  ])
  func impossibleListsAreNamed(_ key: String) throws {
    let wrong: [JSON] = [
      [], [0.5], [0.5, 0.5, 0.5], [0.5, "x"], "x", [0.5, -1.5], .null,
    ]
    for value in wrong {
      var object = comparison.json.object ?? [:]
      object[key] = value
      let record = try record(3, .object(object))
      let error = #expect(throws: Failure.self, "\(value)") { try record.similarity() }
      #expect(error?.place?.contains("similarity") == true)
      // A writer stores nothing that a reader would refuse.
      #expect(throws: Failure.self, "\(value)") { try write([record]) }
    }
    for value in [2, 1.5] where key != "attention_stderr" && key != "activations_stderr" {
      var object = comparison.json.object ?? [:]
      object[key] = [0.5, .number(value)]
      #expect(throws: Failure.self) { try SimilarityRecord(json: .object(object)) }
    }
  }

  /// A measurement without a comparison that replaces one keeps its comparison.
  @Test func editsKeepTheComparison() throws {
    let path = try write([try record(3, comparison.json)])
    let plain = try record(5, nil)
    _ = try BundleEditor.edit(path) { (edit) throws(Failure) in try edit.add([plain]) }
    let kept = try ModelBundle(path: path, verify: .full).evidence
    #expect(kept.count == 1 && kept[0].ppl == 5)
    #expect(try kept[0].similarity() == comparison)
    var other = comparison
    other.attention = [0.25, 0.25]
    let compared = try record(6, other.json)
    _ = try BundleEditor.edit(path) { (edit) throws(Failure) in try edit.add([compared]) }
    let replaced = try ModelBundle(path: path, verify: .full).evidence
    #expect(replaced.count == 1 && replaced[0].ppl == 6)
    #expect(try replaced[0].similarity() == other)
  }
}
