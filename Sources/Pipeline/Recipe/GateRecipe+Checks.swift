import BundleFormat
import Bytes

extension GateRecipe.Limits {
  /// The comparison of one measured value with its limit.
  package struct Check {
    /// The limit's name in recipes.
    package let limit: String
    /// The limit's value.
    package let bound: Double
    /// The measured value; nil if it is unknown.
    package let value: Double?
    /// The amount by which the limit is missed, in words; nil if it is met.
    package let miss: String?
  }

  /// Compares the measured numbers with these limits.
  package func checks(_ numbers: FourNumbers) -> [Check] {
    var checks: [Check] = []
    if let bound = maxPerplexity {
      checks.append(
        check(
          "max_ppl", bound, numbers.shippedEstimate,
          missing: "the artifact's perplexity wasn't measured on this text"))
    }
    if let bound = maxRatioToFull {
      checks.append(
        check(
          "max_ratio_to_full", bound, numbers.ratio,
          missing: numbers.incomparable
            ?? (numbers.shipped == nil
              ? "the artifact's perplexity wasn't measured on this text"
              : "the full model's perplexity wasn't measured on this text")))
    }
    if let bound = minGapClosed { checks.append(gapClosed(bound, numbers)) }
    for limit in DivergenceLimit.allCases {
      guard let bound = self[limit] else { continue }
      checks.append(
        check(
          limit.rawValue, bound, numbers.divergence.flatMap { limit.estimate(in: $0) },
          isLeast: limit.isLeast,
          missing: numbers.divergence == nil
            ? "the divergence from the full model wasn't measured; set `divergence: true` in the"
              + " recipe's evaluation of this text"
            : "the record of the divergence lacks it"))
    }
    return checks
  }

  /// Compares one value, moved by the margin towards the limit's wrong side, with its limit.
  private func check(
    _ limit: String, _ bound: Double, _ measured: Estimate?, isLeast: Bool = false,
    missing: String
  ) -> Check {
    func result(_ miss: String?) -> Check {
      Check(limit: limit, bound: bound, value: measured?.value, miss: miss)
    }
    guard let measured else { return result("\(limit) can't be judged: \(missing)") }
    let margin = marginErrors ?? 0
    guard margin == 0 || measured.standardError != nil else {
      return result(
        "\(limit) can't be judged with a margin: the standard error of"
          + " \(Figure.short(measured.value)) isn't known; measure it again, on two windows or"
          + " more, or leave out `margin_se`")
    }
    let error = margin * (measured.standardError ?? 0)
    let value = isLeast ? measured.value - error : measured.value + error
    let over = isLeast ? bound - value : value - bound
    guard !(over <= 0) else { return result(nil) }
    var found = Figure.short(measured.value)
    if error > 0 {
      found +=
        " \(isLeast ? "−" : "+") \(Figure.short(margin)) × \(Figure.short(error / margin))"
        + " = \(Figure.short(value))"
    }
    let share = bound == 0 ? "" : " (\(Figure.percent(over / abs(bound))))"
    return result(
      "\(limit) is \(Figure.short(bound)), found \(found), \(Figure.short(over)) too"
        + " \(isLeast ? "low" : "high")\(share)")
  }

  private func gapClosed(_ bound: Double, _ numbers: FourNumbers) -> Check {
    var miss: String? = nil
    if let value = numbers.gapClosed {
      if value < bound {
        miss =
          "min_gap_closed is \(Figure.short(bound)), found \(Figure.short(value)), "
          + "\(Figure.short(bound - value)) too low"
      }
    } else if let reason = numbers.incomparable {
      miss = "min_gap_closed can't be judged: \(reason)"
    } else if numbers.full == nil || numbers.compressed == nil
      || numbers.compressedWithPrompt == nil
    {
      miss = "min_gap_closed can't be judged: a number is missing"
    }
    return Check(limit: "min_gap_closed", bound: bound, value: numbers.gapClosed, miss: miss)
  }
}
