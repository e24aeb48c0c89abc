import BundleFormat
import Bytes
import Pipeline
import Testing

@Suite struct GateTests {
  private func records(_ full: Double, _ compressed: Double, _ prompted: Double?)
    -> [EvidenceRecord]
  {
    func record(_ model: String, _ prompt: String?, _ ppl: Double) -> EvidenceRecord {
      EvidenceRecord(
        protocol: "ctp-32", text: "text", textDigest: nil, model: model, prompt: prompt, ppl: ppl,
        pplStandardError: 0.1, nll: 1, scoredTokens: 10, tokens: 20, windows: 1)
    }
    var records = [record("full", nil, full), record("compressed", nil, compressed)]
    if let prompted { records += [record("compressed", "p", prompted)] }
    // A measurement of another text, which must be ignored.
    var foreign = record("full", nil, 1)
    foreign.text = "foreign"
    return [foreign] + records
  }

  private func misses(_ limits: GateRecipe.Limits, _ records: [EvidenceRecord]) -> [String] {
    limits.checks(FourNumbers(records, text: "text")).compactMap(\.miss)
  }

  @Test func maxPerplexityAppliesToTheShippedArtifact() {
    let limits = GateRecipe.Limits(maxPerplexity: 20)
    #expect(misses(limits, records(10, 30, 20)).isEmpty)
    #expect(
      misses(limits, records(10, 30, nil)) == ["max_ppl is 20, found 30, 10 too high (50.0 %)"])
  }

  @Test func theRatioIsToTheFullModelWithoutPrompt() {
    let limits = GateRecipe.Limits(maxRatioToFull: 2)
    #expect(misses(limits, records(10, 30, 20)).isEmpty)
    #expect(
      misses(limits, records(10, 30, 21))
        == ["max_ratio_to_full is 2, found 2.1, 0.1 too high (5.0 %)"])
  }

  @Test func theGapClosedIsAShareOfTheGap() throws {
    let numbers = FourNumbers(records(10, 30, 25), text: "text")
    #expect(try #require(numbers.gapClosed) == 0.25)
    #expect(misses(GateRecipe.Limits(minGapClosed: 0.25), records(10, 30, 25)).isEmpty)
    #expect(
      misses(GateRecipe.Limits(minGapClosed: 0.5), records(10, 30, 25))
        == ["min_gap_closed is 0.5, found 0.25, 0.25 too low"])
    // A prompt that increases the perplexity closes a negative share.
    #expect(misses(GateRecipe.Limits(minGapClosed: 0), records(10, 30, 31)).count == 1)
    // Without a loss from compression there is no gap to close.
    #expect(misses(GateRecipe.Limits(minGapClosed: 0.5), records(10, 10, 9)).isEmpty)
  }

  @Test func aMissingNumberIsNotMet() {
    let limits = GateRecipe.Limits(maxPerplexity: 20, maxRatioToFull: 2, minGapClosed: 0)
    let missed = limits.checks(FourNumbers([], text: "text")).compactMap(\.miss)
    #expect(missed.count == 3)
    #expect(missed.allSatisfy { $0.contains("can't be judged") })
  }

  /// Numbers of other windows or another arithmetic aren't compared; the difference is named.
  @Test func incomparableNumbersAreNotJudged() {
    let limits = GateRecipe.Limits(maxPerplexity: 40, maxRatioToFull: 2, minGapClosed: 0)
    func misses(_ change: (inout EvidenceRecord) -> Void) -> [String] {
      var all = records(10, 30, 20)
      change(&all[1])
      return self.misses(limits, all)
    }
    #expect(misses { _ in }.isEmpty)
    let windows = misses { $0.windows = 7 }
    #expect(windows.count == 2 && windows.allSatisfy { $0.contains("can't be judged") })
    #expect(windows.allSatisfy { $0.contains("windows (7 and 1)") }, "\(windows)")
    #expect(misses { $0.arithmetic = "bfloat16" }[0].contains("arithmetic (bfloat16 and float32)"))
    #expect(misses { $0.protocol = "ctp-64" }[0].contains("protocol (ctp-64 and ctp-32)"))
    // Among several, the one that may be compared is taken.
    var all = records(10, 30, 20)
    var other = all[1]
    (other.windows, other.ppl) = (7, 1)
    all.insert(other, at: 0)
    #expect(self.misses(limits, all).isEmpty)
  }
}
