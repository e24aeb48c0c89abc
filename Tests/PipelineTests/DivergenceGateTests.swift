import BundleFormat
import Bytes
import Pipeline
import Testing

/// Limits on the divergence, and margins in standard errors.
@Suite struct DivergenceGateTests {
  private func divergence(_ kl: Estimate, _ top: Estimate) -> DivergenceRecord {
    func distribution(_ mean: Estimate, _ low: Double) -> DivergenceRecord.Distribution {
      DivergenceRecord.Distribution(
        mean: mean, maximum: 4, minimum: low,
        percentiles: [
          "99.9": Estimate(3.5), "99": Estimate(3, standardError: 0.5), "95": Estimate(2),
          "90": Estimate(1), "50": Estimate(0.0625, standardError: 0.01),
        ])
    }
    return DivergenceRecord(
      modelDigest: nil, basePerplexity: Estimate(10), kl: distribution(kl, 0),
      dp: distribution(Estimate(-0.25, standardError: 0.125), -1),
      rmsDp: Estimate(0.375, standardError: 0.125), sameTop: top,
      correlation: Estimate(0.75, standardError: 0.125), lnRatio: Estimate(0.5),
      perplexityDifference: Estimate(2, standardError: 0.5))
  }

  private func record(
    _ divergence: DivergenceRecord?, ratio: RatioRecord? = nil, prompt: String? = nil
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: "ctp-32", text: "text", textDigest: nil, model: "compressed", prompt: prompt,
      ppl: 12, pplStandardError: 0.5, nll: 1, scoredTokens: 10, tokens: 20, windows: 1,
      ratio: ratio, divergence: divergence)
  }

  private func misses(_ limits: GateRecipe.Limits, _ records: [EvidenceRecord]) -> [String] {
    limits.checks(FourNumbers(records, text: "text")).compactMap(\.miss)
  }

  private var measured: DivergenceRecord {
    divergence(Estimate(0.125, standardError: 0.0625), Estimate(0.875, standardError: 0.03125))
  }

  /// Each limit is met at its number and missed just beyond it, by its own name.
  @Test func everyLimitAppliesToItsNumber() {
    let numbers: [DivergenceLimit: Double] = [
      .maxKL: 0.125, .maxKLMedian: 0.0625, .maxKL90: 1, .maxKL95: 2, .maxKL99: 3, .maxKL999: 3.5,
      .maxKLMaximum: 4, .maxRMSDp: 0.375, .minDp: -0.25, .minSameTop: 0.875, .minCorrelation: 0.75,
      .maxPerplexityDifference: 2,
    ]
    #expect(numbers.count == DivergenceLimit.allCases.count)
    for (limit, number) in numbers {
      #expect(
        misses(GateRecipe.Limits(divergence: [limit: number]), [record(measured)]).isEmpty,
        "\(limit)")
      let beyond = limit.isLeast ? number + 0.001 : number - 0.001
      let missed = misses(GateRecipe.Limits(divergence: [limit: beyond]), [record(measured)])
      #expect(missed.count == 1 && missed[0].hasPrefix(limit.rawValue + " is"), "\(missed)")
      #expect(missed[0].contains(limit.isLeast ? "too low" : "too high"))
    }
  }

  @Test func theShippedArtifactIsJudged() {
    let better = divergence(Estimate(0.01), Estimate(0.99))
    let records = [record(measured), record(better, prompt: "p")]
    #expect(
      misses(GateRecipe.Limits(divergence: [.maxKL: 0.02, .minSameTop: 0.95]), records).isEmpty)
    #expect(misses(GateRecipe.Limits(divergence: [.maxKL: 0.02]), [records[0]]).count == 1)
  }

  /// A margin of two errors moves a number towards the limit's wrong side.
  @Test func aMarginIsCountedInStandardErrors() {
    func limits(_ kl: Double, _ top: Double, _ margin: Double?) -> GateRecipe.Limits {
      GateRecipe.Limits(divergence: [.maxKL: kl, .minSameTop: top], marginErrors: margin)
    }
    let records = [record(measured)]
    #expect(misses(limits(0.125, 0.875, nil), records).isEmpty)
    #expect(misses(limits(0.25, 0.8125, 2), records).isEmpty)
    #expect(
      misses(limits(0.2, 0.85, 2), records) == [
        "max_kl is 0.2, found 0.125 + 2 × 0.0625 = 0.25, 0.05 too high (25.0 %)",
        "min_same_top is 0.85, found 0.875 − 2 × 0.03125 = 0.8125, 0.0375 too low (4.4 %)",
      ])
    #expect(misses(GateRecipe.Limits(maxPerplexity: 13, marginErrors: 2), records).isEmpty)
    #expect(misses(GateRecipe.Limits(maxPerplexity: 12.9, marginErrors: 2), records).count == 1)
  }

  @Test func theRatioHasThePairedError() {
    let digest = SHA256Digest(hashing: [1])
    let records = [record(nil, ratio: RatioRecord(1.25, standardError: 0.125, modelDigest: digest))]
    #expect(misses(GateRecipe.Limits(maxRatioToFull: 1.5, marginErrors: 2), records).isEmpty)
    #expect(
      misses(GateRecipe.Limits(maxRatioToFull: 1.4, marginErrors: 2), records) == [
        "max_ratio_to_full is 1.4, found 1.25 + 2 × 0.125 = 1.5, 0.1 too high (7.1 %)"
      ])
    // Without the error, there is no telling by a margin.
    let alone = [record(nil, ratio: RatioRecord(1.25, standardError: nil, modelDigest: digest))]
    #expect(misses(GateRecipe.Limits(maxRatioToFull: 1.4), alone).isEmpty)
    let missed = misses(GateRecipe.Limits(maxRatioToFull: 1.4, marginErrors: 1), alone)
    #expect(missed.count == 1 && missed[0].contains("max_ratio_to_full can't be judged with a"))
  }

  /// A limit on a number that wasn't measured fails by name, and says what to add.
  @Test func whatWasNotMeasuredIsNamed() {
    for limit in DivergenceLimit.allCases {
      let missed = misses(GateRecipe.Limits(divergence: [limit: 0]), [record(nil)])
      #expect(missed.count == 1 && missed[0].hasPrefix(limit.rawValue + " can't be judged"))
      #expect(missed[0].contains("`divergence: true`"))
    }
    var lacking = measured
    lacking.correlation = nil
    #expect(
      misses(GateRecipe.Limits(divergence: [.minCorrelation: 0]), [record(lacking)]).count == 1)
  }

  @Test func limitsOfATextOverrideThoseOfAll() {
    var gate = GateRecipe()
    gate.all = GateRecipe.Limits(divergence: [.maxKL: 1, .minSameTop: 0.5], marginErrors: 3)
    gate.named["text"] = GateRecipe.Limits(divergence: [.maxKL: 2])
    #expect(
      gate.limits(for: "text")
        == GateRecipe.Limits(divergence: [.maxKL: 2, .minSameTop: 0.5], marginErrors: 3))
    #expect(gate.limits(for: "other") == gate.all)
    #expect(GateRecipe.Limits(marginErrors: 3).isEmpty)
  }
}
