import BundleFormat
import Bytes
import Testing

/// Evidence that is compared: what makes two numbers comparable, ratios and divergences in records.
@Suite struct EvidenceComparisonTests {
  static func divergence() -> DivergenceRecord {
    func distribution(_ low: Double, _ high: Double) -> DivergenceRecord.Distribution {
      DivergenceRecord.Distribution(
        mean: Estimate(0.25, standardError: 0.01), maximum: high, minimum: low,
        percentiles: [
          "99.9": Estimate(high), "50": Estimate(0.125, standardError: 0.5), "0.1": Estimate(low),
        ])
    }
    return DivergenceRecord(
      modelDigest: Samples.digest("full"), basePerplexity: Estimate(18, standardError: 0.25),
      kl: distribution(0, 2.5), dp: distribution(-0.75, 0.5),
      rmsDp: Estimate(0.125, standardError: 0.01), sameTop: Estimate(0.875, standardError: 0.02),
      correlation: Estimate(0.96875), lnRatio: Estimate(0.13, standardError: 0.01),
      perplexityDifference: Estimate(2.5, standardError: 0.2))
  }

  private static var record: EvidenceRecord {
    var record = Samples.evidence
    record.tokenizerDigest = Samples.digest("tokenizer")
    record.arithmetic = "bfloat16"
    record.ratio = RatioRecord(1.125, standardError: 0.01, modelDigest: Samples.digest("full"))
    record.divergence = divergence()
    return record
  }

  @Test func aRecordReadsBackAsItWas() throws {
    let record = Self.record
    #expect(try EvidenceRecord(json: JSON(parsing: record.json.canonicalBytes)) == record)
    var least = record
    least.ratio?.standardError = nil
    least.divergence?.modelDigest = nil
    least.divergence?.correlation = nil
    #expect(try EvidenceRecord(json: JSON(parsing: least.json.canonicalBytes)) == least)
    for key in ["tokenizer_sha256", "arithmetic", "ratio", "ratio_se", "divergence"] {
      #expect(record.json[key] != nil, "\(key)")
      #expect(Samples.evidence.json[key] == nil, "\(key)")
    }
  }

  /// Every member of a comparison, gone or mistyped, is named.
  @Test func missingAndMistypedMembersAreNamed() throws {
    let json = Self.record.json
    func check(_ path: [String], _ change: (inout JSONObject) -> Void, _ key: String) throws {
      func changed(_ json: JSON, _ path: ArraySlice<String>) throws -> JSON {
        var object = try #require(json.object)
        if let name = path.first {
          object[name] = try changed(json.required(name), path.dropFirst())
        } else {
          change(&object)
        }
        return .object(object)
      }
      let wrong = try changed(json, path[...])
      let failure = #expect(throws: Failure.self, "\(path) \(key)") {
        try EvidenceRecord(json: wrong)
      }
      #expect(failure?.place?.contains("\"\(key)\"") == true, "\(path) \(key)")
    }
    for key in ["tokenizer_sha256", "arithmetic", "ratio", "ratio_se", "divergence"] {
      try check([], { $0[key] = true }, key)
    }
    try check([], { $0["ratio_model_sha256"] = nil }, "ratio_model_sha256")
    try check([], { $0["ratio"] = nil }, "ratio")
    for key in ["ppl_base", "kl", "dp", "dp_rms", "same_top", "ln_ppl_ratio", "ppl_difference"] {
      try check(["divergence"], { $0[key] = nil }, key)
      try check(["divergence"], { $0[key] = 1 }, key)
    }
    for key in ["mean", "max", "min", "percentiles"] {
      try check(["divergence", "kl"], { $0[key] = nil }, key)
    }
    try check(["divergence", "kl", "percentiles"], { $0["50"] = nil }, "50")
    for percent in ["", "0", "100", "-5", "1e1", "nan", ".5", "5."] {
      try check(["divergence", "kl", "percentiles"], { $0[percent] = ["value": 1] }, percent)
    }
  }

  @Test(
    arguments: [
      (["ratio"], -1.0), (["ratio_se"], -0.5), (["divergence", "same_top", "value"], 1.5),
      (["divergence", "same_top", "se"], -0.5), (["divergence", "dp", "mean", "value"], -1.5),
      (["divergence", "kl", "min"], -0.5), (["divergence", "kl", "max"], -1),
      (["divergence", "kl", "percentiles", "50", "value"], 3),
      (["divergence", "cor_ln_ppl", "value"], 1.5), (["divergence", "ppl_base", "value"], 0),
    ] as [([String], Double)])
  func impossibleNumbersAreRefused(_ path: [String], _ value: Double) throws {
    func changed(_ json: JSON, _ path: ArraySlice<String>) throws -> JSON {
      guard let name = path.first else { return .number(value) }
      var object = try #require(json.object)
      object[name] = try changed(json.required(name), path.dropFirst())
      return .object(object)
    }
    let wrong = try changed(Self.record.json, path[...])
    #expect(throws: Failure.self) { try EvidenceRecord(json: wrong) }
  }

  /// Each property in which two measurements differ is named with both values, and no other.
  @Test func everyDifferenceIsNamed() throws {
    let basis = Self.record.basis
    #expect(basis.differences(from: basis).isEmpty)
    try basis.requireComparable(to: basis)
    let changes: [(String, (inout MeasurementBasis) -> Void)] = [
      ("protocol", { $0.protocol = "ctp-64" }),
      ("text", { $0.textDigest = Samples.digest("other") }),
      ("tokenizer", { $0.tokenizerDigest = Samples.digest("other") }),
      ("windows", { $0.windows = 7 }), ("scored tokens", { $0.scoredTokens = 7 }),
      ("tokens of the text", { $0.tokens = 7 }), ("arithmetic", { $0.arithmetic = "float32" }),
    ]
    for (name, change) in changes {
      var other = basis
      change(&other)
      #expect(basis.differences(from: other).map(\.name) == [name])
      let failure = #expect(throws: Failure.self) { try basis.requireComparable(to: other) }
      #expect(failure?.kind == .notMet)
      #expect(failure?.finding.contains(name) == true)
    }
    var other = basis
    (other.windows, other.arithmetic) = (7, "float32")
    #expect(
      MeasurementBasis.list(basis.differences(from: other))
        == "windows (1 and 7), arithmetic (bfloat16 and float32)")
  }

  @Test func aMissingDigestIsNoDifferenceButANameIs() {
    let basis = Self.record.basis
    var other = basis
    (other.tokenizerDigest, other.textDigest) = (nil, nil)
    #expect(basis.differences(from: other).isEmpty)
    other.text = "another"
    #expect(basis.differences(from: other).map(\.name) == ["text"])
    // The same bytes under another name are the same text.
    other.textDigest = basis.textDigest
    #expect(basis.differences(from: other).isEmpty)
    #expect(Samples.evidence.basis.arithmetic == "float32")
  }

  /// A newer number replaces one of the same arithmetic and tokenizer, and no other.
  @Test func measurementsOfOtherArithmeticAreKept() {
    let exact = Samples.evidence
    var rounded = exact
    rounded.arithmetic = "bfloat16"
    #expect(EvidenceRecord.merged([exact], with: [rounded]) == [exact, rounded])
    var told = exact
    told.tokenizerDigest = Samples.digest("tokenizer")
    #expect(EvidenceRecord.merged([exact], with: [told]) == [told], "it may be the same tokenizer")
    var other = told
    other.tokenizerDigest = Samples.digest("other")
    #expect(EvidenceRecord.merged([told], with: [other]) == [told, other])
    #expect(!told.isSameMeasurement(as: other) && told.isSameMeasurement(as: exact))
  }
}
