import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Foundation
import Models
import Numerics
import Routing
import TestSupport
import Testing

/// Comparisons of prompts on a tiny model, against single measurements.
@Suite struct PromptComparisonTests {
  let model: LanguageModel
  let texts: [[Int32]]
  let prompts: [(name: String, adapter: Adapter)]
  let rule: PerplexityProtocol

  init() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    let model = try LanguageModel(source: Checkpoint.open(folder))
    self.model = model
    texts = (0..<2).map { text in
      var random = TestRandom(fixture: UInt64(text))
      return (0..<130).map { _ in Int32(random.below(131)) }
    }
    prompts = try [4, 3, 6].enumerated().map { index, length in
      let ids = (0..<length).map { Int32(($0 * 11 + index * 37 + 3) % 131) }
      return ("p\(index)", .prompt(try model.embed(ids)))
    }
    rule = try PerplexityProtocol(.ctp, length: 16)
  }

  private func comparison(part: Int? = nil, seed: UInt64 = 5) throws -> PromptComparison {
    var comparison = try PromptComparison(
      model, prompts: prompts, rule: rule, part: part, seed: seed)
    for (index, ids) in texts.enumerated() {
      try comparison.measure(ids, name: "t\(index)", digest: nil)
    }
    return comparison
  }

  /// All that is stored of a perplexity. The meter also has the windows' sums, which a comparison doesn't
  /// keep.
  private func stored(_ perplexity: Perplexity) -> JSON {
    perplexity.evidence(text: ("text", nil), model: ("model", nil), tokenizer: nil).json
  }

  /// Each row has the meter's perplexity, to the bit: those without a prompt or with one for all
  /// windows, and those of the routing rules.
  @Test func rowsAgreeWithTheMeter() throws {
    let comparison = try comparison(part: 6)
    for (index, ids) in texts.enumerated() {
      var plain = try PerplexityMeter(model, ids: ids, rule: rule)
      #expect(try stored(plain.run()) == stored(comparison.perplexity(.without, text: index)))
      for (number, prompt) in prompts.enumerated() {
        var meter = try PerplexityMeter(model, ids: ids, rule: rule, prompt: prompt)
        #expect(
          try stored(meter.run()) == stored(comparison.perplexity(.prompt(number), text: index)))
      }
      let prefixes = try PromptPrefixes(prompts.map { .vectors($0.adapter.parameters) }, in: model)
      let routed: [(ComparisonRule, RoutingRule, Int?)] = [
        (.attention, .attention, nil), (.attentionPart, .attention, 6), (.lowestNLL, .loss, 6),
        (.keys, .keys, 6),
      ]
      for (compared, routing, deciding) in routed {
        var meter = try PerplexityMeter(
          model, ids: ids, rule: rule, choosing: prompts.map(\.name),
          by: PromptRouter(prefixes, rule: routing, deciding: deciding))
        #expect(
          try stored(meter.run()) == stored(comparison.perplexity(.chosen(compared), text: index)))
      }
    }
  }

  /// The choices of the rules that go by losses, against losses of single windows.
  @Test func rulesChooseByTheirDefinition() throws {
    let comparison = try comparison(part: 6)
    var losses: [[[[Float]]]] = []
    for ids in texts {
      losses.append(
        try (0..<8).map { window in
          let part = Array(ids[window * 16..<(window + 1) * 16])
          return try prompts.map {
            try model.nll(
              sequences: [part], prompt: $0.adapter.parameters)[0]
          }
        })
    }
    func sum(_ losses: ArraySlice<Float>) -> Double { losses.reduce(0) { $0 + Double($1) } }
    func lowest(_ values: [Double]) -> Int {
      values.indices.min { (values[$0], $0) < (values[$1], $1) } ?? 0
    }
    #expect(
      comparison.choices(.oracle) == losses.map { $0.map { lowest($0.map { sum($0[...]) }) } })
    // Targets 1 ..< 6 are losses 0 ..< 5.
    #expect(
      comparison.choices(.lowestNLL) == losses.map { $0.map { lowest($0.map { sum($0[..<5]) }) } })
    let totals = prompts.indices.map { prompt in
      losses.reduce(0.0) { $0 + $1.reduce(0.0) { $0 + sum($1[prompt][...]) } }
    }
    #expect(Set(comparison.choices(.bestSingle).flatMap(\.self)) == [lowest(totals)])
    var random = SeededGenerator(seed: 5)
    #expect(
      comparison.choices(.random) == texts.map { _ in (0..<8).map { _ in random.below(3) } })

    for rule in ComparisonRule.allCases {
      #expect(comparison.shares(rule).reduce(0, +) == 16)
      let value = comparison.perplexity(.chosen(rule)).value
      #expect(comparison.perplexity(.chosen(.oracle)).value <= value, "\(rule)")
      let record = try #require(comparison.perplexity(.chosen(rule), text: 1).choice)
      #expect(record.windows == 8)
      #expect(record.deciding == (rule.goesByPart ? 6 : nil))
      #expect(record.seed == (rule == .random ? 5 : nil))
    }
    let singles = prompts.indices.map { comparison.perplexity(.prompt($0)).value }
    #expect(comparison.perplexity(.chosen(.bestSingle)).value == singles.min())
    // An outcome: not all windows have the same best prompt.
    #expect(comparison.perplexity(.chosen(.oracle)).value < (singles.min() ?? 0))
  }

  /// The rest covers the targets of each window from number `part` on.
  @Test func theRestCoversTheLaterTargets() throws {
    let comparison = try comparison(part: 6)
    for row in comparison.rows {
      let (whole, rest) = (comparison.sums(row), comparison.sums(row, from: 6))
      #expect(whole.count == 16 * 15 && rest.count == 16 * 10)
      #expect(comparison.rest(row).ppl == exp(rest.mean))
    }
    #expect(comparison.rest(.without).from == 6)
    var last = try PromptComparison(
      model, prompts: prompts, rule: PerplexityProtocol(.llamacpp, length: 16), part: 4)
    try last.measure(texts[0], name: "t", digest: nil, limit: 2)
    // None of targets 9 ..< 16 is among the first four tokens.
    #expect(last.sums(.without).count == 14 && last.rest(.without).scoredTokens == 14)
    #expect(last.rest(.without).from == 9)
  }

  @Test func evidenceHasEveryRow() throws {
    let comparison = try comparison()
    #expect(comparison.part == 8, "half of a window")
    let weights = SHA256Digest(hashing: [1])
    let records = comparison.evidence(
      model: ("compressed", weights), tokenizer: nil, arithmetic: .float32)
    #expect(records.count == 2 * (1 + 3 + 7))
    for record in records {
      #expect(try EvidenceRecord(json: JSON(parsing: record.json.canonicalBytes)) == record)
      #expect(record.modelDigest == weights && record.rest?.from == 8)
    }
    #expect(records.count { $0.choice != nil } == 14)
    #expect(EvidenceRecord.merged(records, with: records) == records, "no two records are equal")
    let validations = try comparison.validations(on: weights, arithmetic: .float32)
    #expect(validations.map(\.prompt) == ["p0", "p0", "p1", "p1", "p2", "p2"])
    #expect(validations[1].of.text == "t1")
    #expect(validations[1].of.pplWith == comparison.perplexity(.prompt(0), text: 1).value)
  }

  @Test func invalidComparisonsAreRefused() throws {
    func kind(_ body: () throws -> Void) -> Failure.Kind? {
      do { try body() } catch { return (error as? Failure)?.kind }
      return nil
    }
    #expect(kind { _ = try PromptComparison(model, prompts: [prompts[0]], rule: rule) } == .usage)
    for part in [1, 16] {
      #expect(
        kind { _ = try PromptComparison(model, prompts: prompts, rule: rule, part: part) }
          == .usage)
    }
    var comparison = try PromptComparison(model, prompts: prompts, rule: rule)
    #expect(
      kind { try comparison.measure([1, 2, 3], name: "short", digest: nil) } == .usage)
    #expect(
      kind {
        try comparison.measure(
          texts[0], name: "t", digest: nil,
          progress: ProgressHandler { (_, _, _) throws(Failure) in
            throw Failure(.interrupted, "stopped")
          })
      } == .interrupted)
    #expect(comparison.texts.isEmpty)
  }

  @Test func aResumedRoutedMeasurementEndsWithTheSameBits() throws {
    let router = try PromptRouter(
      PromptPrefixes(prompts.map { .vectors($0.adapter.parameters) }, in: model))
    func meter(_ state: PerplexityMeter.State = .init()) throws -> PerplexityMeter {
      try PerplexityMeter(
        model, ids: texts[0], rule: rule, choosing: prompts.map(\.name), by: router, state: state)
    }
    var whole = try meter()
    let expected = try whole.run()
    #expect(expected.prompt == "auto" && expected.choice?.windows == 8)
    var first = try meter()
    for _ in 0..<3 { try first.step() }
    let saved = try JSONEncoder().encode(first.state)
    var second = try meter(JSONDecoder().decode(PerplexityMeter.State.self, from: saved))
    #expect(try second.run() == expected)
    // A state without choices belongs to another measurement.
    #expect(throws: Failure.self) {
      _ = try PerplexityMeter(model, ids: texts[0], rule: rule, state: first.state)
    }
  }
}
