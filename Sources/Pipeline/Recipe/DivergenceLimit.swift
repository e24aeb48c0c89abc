import BundleFormat

/// A limit on one number of the artifact's divergence from the full model, as spelt in the section
/// `gate`.
package enum DivergenceLimit: String, CaseIterable, Sendable {
  case maxKL = "max_kl"
  case maxKLMedian = "max_kl_median"
  case maxKL90 = "max_kl_p90"
  case maxKL95 = "max_kl_p95"
  case maxKL99 = "max_kl_p99"
  case maxKL999 = "max_kl_p99_9"
  case maxKLMaximum = "max_kl_max"
  case maxRMSDp = "max_dp_rms"
  case minDp = "min_dp"
  case minSameTop = "min_same_top"
  case minCorrelation = "min_cor_ln_ppl"
  case maxPerplexityDifference = "max_ppl_difference"

  /// Whether the number must be at least the limit; it must be at most the limit otherwise.
  package var isLeast: Bool {
    switch self {
    case .minDp, .minSameTop, .minCorrelation: true
    default: false
    }
  }

  /// The limits that make sense.
  var range: ClosedRange<Double> {
    switch self {
    case .minSameTop, .maxRMSDp: 0...1
    case .minDp, .minCorrelation: -1...1
    case .maxPerplexityDifference:
      -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    default: 0...Double.greatestFiniteMagnitude
    }
  }

  /// The number that is limited, for the reference.
  var meaning: String {
    switch self {
    case .maxKL:
      "the highest mean KL divergence from the full model, in nats per token; this and the following limits need `divergence: true` in the evaluation"
    case .maxKLMedian: "the highest median of the tokens' KL divergences"
    case .maxKL90: "the highest 90th percentile of the tokens' KL divergences"
    case .maxKL95: "the highest 95th percentile of the tokens' KL divergences"
    case .maxKL99: "the highest 99th percentile of the tokens' KL divergences"
    case .maxKL999: "the highest 99.9th percentile of the tokens' KL divergences"
    case .maxKLMaximum: "the highest KL divergence of any token"
    case .maxRMSDp:
      "the highest root mean square of Δp, the change of the text's token's probability"
    case .minDp: "the lowest mean Δp: −0.01 allows a loss of one percentage point"
    case .minSameTop:
      "the lowest share of tokens for which the full model finds the same token likeliest"
    case .minCorrelation: "the lowest correlation of the two models' losses"
    case .maxPerplexityDifference: "the highest perplexity above the full model's"
    }
  }

  /// The number in a record; nil if it isn't there.
  func estimate(in record: DivergenceRecord) -> Estimate? {
    switch self {
    case .maxKL: record.kl.mean
    case .maxKLMedian: record.kl.percentiles["50"]
    case .maxKL90: record.kl.percentiles["90"]
    case .maxKL95: record.kl.percentiles["95"]
    case .maxKL99: record.kl.percentiles["99"]
    case .maxKL999: record.kl.percentiles["99.9"]
    case .maxKLMaximum: Estimate(record.kl.maximum)
    case .maxRMSDp: record.rmsDp
    case .minDp: record.dp.mean
    case .minSameTop: record.sameTop
    case .minCorrelation: record.correlation
    case .maxPerplexityDifference: record.perplexityDifference
    }
  }
}

extension GateRecipe {
  /// Notes limits of a divergence that isn't measured, at the field that sets them.
  ///
  /// - Parameters:
  ///   - note: adds a problem at a limit's field, of the section named after an evaluation, or of
  ///     `gate` itself if that is nil.
  ///   - measured: whether the evaluation of a name measures the divergence.
  func checkDivergences(
    of evaluations: [String], _ note: (_ section: String?, _ field: String, String) -> Void,
    measured: (String) -> Bool
  ) {
    let without = evaluations.filter { !measured($0) }
    for limit in DivergenceLimit.allCases {
      let own = without.filter { named[$0]?[limit] != nil }
      for name in own { note(name, limit.rawValue, "needs `divergence: true` in the evaluation") }
      let others = without.filter { !own.contains($0) }
      guard all[limit] != nil, !others.isEmpty else { continue }
      note(
        nil, limit.rawValue,
        "needs `divergence: true` in the evaluation"
          + (others.count > 1 ? "s " : " ") + others.map { "`\($0)`" }.joined(separator: ", "))
    }
  }

  /// Notes margins without any limit that they could apply to.
  func checkMargins(_ note: (_ section: String?, _ field: String, String) -> Void) {
    let finding = "there is no limit to apply it to"
    for name in named.keys.sorted() where named[name]?.marginErrors != nil {
      if limits(for: name).isEmpty { note(name, "margin_se", finding) }
    }
    if all.marginErrors != nil, all.isEmpty, named.values.allSatisfy(\.isEmpty) {
      note(nil, "margin_se", finding)
    }
  }
}
