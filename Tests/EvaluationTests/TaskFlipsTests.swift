import BundleFormat
import Bytes
import Evaluation
import Testing

@Suite struct TaskFlipsTests {
  /// An outcome of three choices, of which `gold` is right and `chosen` the likeliest.
  private func outcome(_ row: Int, chosen: Int, gold: Int) throws -> TaskOutcome {
    var values = [-3.0, -3, -3]
    values[chosen] = -1
    return try TaskOutcome(
      json: [
        "row": JSON(row), "loglikelihoods": .array(values.map { .number($0) }),
        "chosen": JSON(chosen), "chosen_norm": JSON(chosen),
        "right": chosen == gold ? ["acc"] : [],
      ])
  }

  @Test func flipsHaveADirection() throws {
    // Rows: right to right, right to wrong, wrong to right, wrong to another wrong, wrong to the same.
    let full = try [(0, 0), (1, 1), (2, 0), (1, 0), (2, 0)].enumerated().map {
      try outcome($0 + 1, chosen: $1.0, gold: $1.1)
    }
    let other = try [(0, 0), (2, 1), (0, 0), (2, 0), (2, 0)].enumerated().map {
      try outcome($0 + 1, chosen: $1.0, gold: $1.1)
    }
    let flips = try TaskFlips(.accuracy, from: full, to: other)
    #expect(flips.rightToWrong == [.init(row: 2, from: .choice(1), to: .choice(2))])
    #expect(flips.wrongToRight == [.init(row: 3, from: .choice(2), to: .choice(0))])
    #expect(flips.wrongToWrong == [.init(row: 4, from: .choice(1), to: .choice(2))])
    #expect(flips.pValue == 1)
    #expect(throws: Failure.self) {
      try TaskFlips(.accuracy, from: Array(full.dropLast()), to: other)
    }
  }

  /// JSON has no infinity: such a record would be refused by every reader.
  @Test func numbersBeyondFloat64AreNotStored() {
    func record(_ perplexity: Double) -> EvidenceRecord {
      let task = TaskRecord(
        name: "t", shots: 0, seen: 1, total: 1, truncated: 0,
        metrics: [("perplexity", .init(value: perplexity, standardError: 0))], files: [])
      return EvidenceRecord(
        protocol: TaskMeasurement.protocolID, text: "t", textDigest: nil, model: "full",
        prompt: nil, ppl: 1, pplStandardError: 0, nll: 0, scoredTokens: 0, tokens: 0, windows: 1,
        task: task)
    }
    #expect(throws: Never.self) { try record(1e300).checkFinite() }
    let failure = #expect(throws: Failure.self) { try record(.infinity).checkFinite() }
    #expect(failure?.kind == .invalidData)
  }

  @Test func recordsReadBack() throws {
    let record = TaskRecord(
      name: "t", shots: 5, seen: 4, total: 9, truncated: 1,
      metrics: [("acc", .init(value: 0.5, standardError: 0.25))],
      files: [("rows", .init(name: "r", sha256: SHA256Digest(hashing: [1])))],
      flips: [
        TaskFlipsRecord(
          metric: "acc", against: "full", pValue: 0.5,
          rightToWrong: [.init(row: 1, from: 0, to: 2), .init(row: 3, from: "a", to: "b")],
          wrongToRight: [], wrongToWrong: [.init(row: 4, from: true, to: false)])
      ])
    let read = try TaskRecord(json: JSON(parsing: record.json.canonicalBytes))
    #expect(read == record && read.flips == record.flips)
    for (key, value) in [
      ("rows_seen", 10), ("rows_seen", 0), ("truncated", 5), ("num_fewshot", -1),
      ("rows_total", nil),
      ("metrics", ["acc": ["value": 2, "stderr": 0]]), ("files", ["rows": ["name": "r"]]),
      ("flips", [["metric": "acc"]]), ("flips", true), ("metrics", []), ("files", 1),
    ] as [(String, JSON?)] {
      var object = try #require(record.json.object)
      object[key] = value
      #expect(throws: Failure.self, "\(key)") { try TaskRecord(json: .object(object)) }
    }
  }
}
