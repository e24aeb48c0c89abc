import Bytes

/// The divergence of a measured model's next-token distributions from the full model's, over the
/// scored tokens of a text: the numbers that llama.cpp's `perplexity --kl-divergence` prints.
///
/// Errors of means come from the windows' means, those of percentiles from their ranks.
public struct DivergenceRecord: Sendable, Equatable {
  /// The distribution of one number over all scored tokens.
  public struct Distribution: Sendable, Equatable {
    /// The mean.
    public var mean: Estimate
    /// The largest.
    public var maximum: Double
    /// The smallest.
    public var minimum: Double
    /// Percentiles by their percentage in decimal: "99.9", "50" (the median) …
    public var percentiles: [String: Estimate]

    /// A distribution between `minimum` and `maximum`.
    public init(
      mean: Estimate, maximum: Double, minimum: Double, percentiles: [String: Estimate]
    ) {
      self.mean = mean
      self.maximum = maximum
      self.minimum = minimum
      self.percentiles = percentiles
    }

    /// The median, which every distribution has.
    public var median: Estimate { percentiles["50"] ?? mean }

    /// The percentages of `percentiles`, the highest first.
    public var percents: [String] {
      percentiles.keys.sorted { (Double($0) ?? 0, $0) > (Double($1) ?? 0, $1) }
    }
  }

  /// The digest of the full model's weights, where known.
  public var modelDigest: SHA256Digest?
  /// The full model's perplexity without a prompt.
  public var basePerplexity: Estimate
  /// Kullback-Leibler divergence KL(full ‖ measured) of a token's distributions, in nats, ≥ 0.
  public var kl: Distribution
  /// Δp, the change of the text's token's probability: measured − full, −1 ... 1.
  public var dp: Distribution
  /// The root of the mean of Δp².
  public var rmsDp: Estimate
  /// The share of tokens for which both models find the same token likeliest.
  public var sameTop: Estimate
  /// The correlation of the models' losses over the tokens; nil where one of them doesn't vary.
  public var correlation: Estimate?
  /// ln(PPL(measured) / PPL(full)).
  public var lnRatio: Estimate
  /// PPL(measured) − PPL(full).
  public var perplexityDifference: Estimate

  /// A divergence from the model with the weights `modelDigest`.
  public init(
    modelDigest: SHA256Digest?, basePerplexity: Estimate, kl: Distribution, dp: Distribution,
    rmsDp: Estimate, sameTop: Estimate, correlation: Estimate?, lnRatio: Estimate,
    perplexityDifference: Estimate
  ) {
    self.modelDigest = modelDigest
    self.basePerplexity = basePerplexity
    self.kl = kl
    self.dp = dp
    self.rmsDp = rmsDp
    self.sameTop = sameTop
    self.correlation = correlation
    self.lnRatio = lnRatio
    self.perplexityDifference = perplexityDifference
  }

  /// Percentages of the percentiles of KL, as llama.cpp prints them.
  public static let klPercents = ["99.9", "99", "95", "90", "50", "10", "5", "1", "0.1"]
  /// Percentages of the percentiles of Δp, as llama.cpp prints them.
  public static let dpPercents = [
    "99.9", "99", "95", "90", "75", "50", "25", "10", "5", "1", "0.1",
  ]

  /// Whether every number is one: JSON has no others.
  var isFinite: Bool {
    let estimates =
      [basePerplexity, rmsDp, sameTop, lnRatio, perplexityDifference]
      + (correlation.map { [$0] } ?? [])
    return estimates.allSatisfy(\.isFinite) && kl.isFinite && dp.isFinite
  }
}

extension DivergenceRecord.Distribution {
  var isFinite: Bool {
    mean.isFinite && maximum.isFinite && minimum.isFinite
      && percentiles.values.allSatisfy(\.isFinite)
  }

  /// The distribution as JSON.
  public var json: JSON {
    var percentiles = JSONObject()
    for percent in percents { percentiles[percent] = self.percentiles[percent]?.json }
    return [
      "mean": mean.json, "max": .number(maximum), "min": .number(minimum),
      "percentiles": .object(percentiles),
    ]
  }

  /// Reads a value that `json` wrote, whose numbers are in `range`.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  init(json: JSON, in range: ClosedRange<Double>) throws(Failure) {
    mean = try json.estimate("mean", in: range)
    maximum = try json.required("max", as: Double.self)
    minimum = try json.required("min", as: Double.self)
    guard range.contains(minimum), range.contains(maximum), minimum <= maximum else {
      throw Failure(.invalidData, at: "key \"max\"", "a range that can't be")
    }
    percentiles = [:]
    let object = try json.required("percentiles", as: JSONObject.self)
    for percent in object.keys {
      let isPlain = percent.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 }
      guard isPlain, percent.first != ".", percent.last != ".", let number = Double(percent),
        number > 0, number < 100
      else {
        throw Failure(
          .invalidData, at: "key \"percentiles\", key \"\(percent)\"", "is no percentage")
      }
      do throws(Failure) {
        percentiles[percent] = try JSON.object(object).estimate(percent, in: minimum...maximum)
      } catch {
        throw Failure(
          .invalidData, at: "key \"percentiles\"" + (error.place.map { ", " + $0 } ?? ""),
          error.finding)
      }
    }
    guard percentiles["50"] != nil else {
      throw Failure(.invalidData, at: "key \"percentiles\", key \"50\"", "is missing")
    }
  }
}

extension DivergenceRecord {
  /// The record as JSON.
  public var json: JSON {
    var object: JSONObject = [
      "ppl_base": basePerplexity.json, "kl": kl.json, "dp": dp.json, "dp_rms": rmsDp.json,
      "same_top": sameTop.json, "ln_ppl_ratio": lnRatio.json,
      "ppl_difference": perplexityDifference.json,
    ]
    object["model_sha256"] = modelDigest.map { .string($0.hex) }
    object["cor_ln_ppl"] = correlation?.json
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    let any = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude
    modelDigest = try json.digest("model_sha256")
    basePerplexity = try json.estimate("ppl_base", in: positive)
    kl = try Self.distribution("kl", json, 0...Double.greatestFiniteMagnitude)
    dp = try Self.distribution("dp", json, -1...1)
    rmsDp = try json.estimate("dp_rms", in: 0...1)
    sameTop = try json.estimate("same_top", in: 0...1)
    correlation = try json["cor_ln_ppl"] == nil ? nil : json.estimate("cor_ln_ppl", in: -1...1)
    lnRatio = try json.estimate("ln_ppl_ratio", in: any)
    perplexityDifference = try json.estimate("ppl_difference", in: any)
  }

  private static func distribution(
    _ key: String, _ json: JSON, _ range: ClosedRange<Double>
  ) throws(Failure) -> Distribution {
    let own = try json.required(key)
    do throws(Failure) {
      return try Distribution(json: own, in: range)
    } catch {
      throw Failure(
        .invalidData, at: "key \"\(key)\"" + (error.place.map { ", " + $0 } ?? ""), error.finding)
    }
  }
}
