import BundleFormat
import Bytes

/// Made-up measurements of every kind that a bundle holds: divergences and ratios, tasks, similarities.
struct SampleEvidence {
  static let full = SHA256Digest(hashing: [2])
  static let file = SHA256Digest(hashing: [7])
  /// The weights of the compressed model.
  let weights: SHA256Digest

  var all: [EvidenceRecord] { texts + tasks + [similarity] }

  /// The full model with and without a prompt, these weights with and without it, and other weights.
  var texts: [EvidenceRecord] {
    [
      text("full", Self.full, nil, nil, kl: nil),
      text(
        "full", Self.full, "own", RatioRecord(0.75, standardError: 0.125, modelDigest: Self.full),
        kl: 0.0625),
      text(
        "compressed", weights, nil,
        RatioRecord(1.5, standardError: 0.0625, modelDigest: Self.full), kl: 0.125),
      text(
        "compressed", weights, "own",
        RatioRecord(1.25, standardError: nil, modelDigest: Self.full), kl: nil),
      text(
        "compressed", SHA256Digest(hashing: [9]), nil,
        RatioRecord(9, standardError: 0.5, modelDigest: Self.full), kl: nil),
    ]
  }

  private func text(
    _ model: String, _ digest: SHA256Digest, _ prompt: String?, _ ratio: RatioRecord?, kl: Double?
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: "ctp-32", text: "news", textDigest: SHA256Digest(hashing: [8]),
      arithmetic: "bfloat16", model: model, modelDigest: digest, prompt: prompt, ppl: 40.5,
      pplStandardError: 2, nll: 1, scoredTokens: 372, tokens: 400, windows: 12, ratio: ratio,
      divergence: kl.map(Self.divergence))
  }

  /// A divergence with the mean `kl` and a tenth of it as its error; the rest is the same for all.
  private static func divergence(_ kl: Double) -> DivergenceRecord {
    DivergenceRecord(
      modelDigest: full, basePerplexity: Estimate(10, standardError: 0.5),
      kl: .init(
        mean: Estimate(kl, standardError: kl / 10), maximum: 7, minimum: 0.001,
        percentiles: [
          "99": Estimate(2.5, standardError: 0.25), "50": Estimate(0.0625, standardError: 0.01),
        ]),
      dp: .init(
        mean: Estimate(0), maximum: 0.25, minimum: -0.5, percentiles: ["50": Estimate(0)]),
      rmsDp: Estimate(0.0625, standardError: 0.005), sameTop: Estimate(0.75, standardError: 0.05),
      correlation: nil, lnRatio: Estimate(0.4, standardError: 0.04),
      perplexityDifference: Estimate(5, standardError: 0.5))
  }

  /// A task that was cut short, with flips, and one with a perplexity, whose name tries to be markup.
  var tasks: [EvidenceRecord] {
    let flips = [
      TaskFlipsRecord(
        metric: "acc", against: "full", pValue: 0.75,
        rightToWrong: [.init(row: 1, from: 0, to: 1), .init(row: 3, from: 1, to: 0)],
        wrongToRight: [.init(row: 4, from: 2, to: 1)],
        wrongToWrong: [.init(row: 5, from: 2, to: 1)])
    ]
    let changed = TaskFlipsRecord(
      metric: "acc", against: "another", pValue: 0.125,
      rightToWrong: [.init(row: 2, from: 0, to: 1)], wrongToRight: [], wrongToWrong: [])
    return [
      task("full", nil, quiz(0.75, []), 372),
      task("compressed", nil, quiz(0.5, flips), 372),
      task("compressed", "own", quiz(0.625, [changed]), 372),
      task(
        "compressed", nil,
        TaskRecord(
          name: "words <i>|2", shots: 0, seen: 12, total: 12, truncated: 3,
          metrics: [("perplexity", .init(value: 12.5, standardError: 0.5))], files: []), 12),
    ]
  }

  private func quiz(_ accuracy: Double, _ flips: [TaskFlipsRecord]) -> TaskRecord {
    TaskRecord(
      name: "quiz", shots: 2, seen: 9, total: 12, truncated: 0,
      metrics: [
        ("acc", .init(value: accuracy, standardError: 0.125)),
        ("acc_norm", .init(value: 0.625, standardError: 0.125)),
      ], files: [("rows", .init(name: "rows.jsonl", sha256: Self.file))], flips: flips)
  }

  /// The perplexity of right answers is 3, which is no number of a text.
  private func task(
    _ model: String, _ prompt: String?, _ task: TaskRecord, _ tokens: Int
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: "lm-eval-0.4", text: task.name, textDigest: Self.file, model: model,
      modelDigest: model == "full" ? Self.full : weights, prompt: prompt, ppl: 3,
      pplStandardError: 0.25, nll: 1, scoredTokens: tokens, tokens: tokens, windows: task.seen,
      task: task)
  }

  var similarity: EvidenceRecord {
    EvidenceRecord(
      protocol: "ctp-256", text: "news", textDigest: SHA256Digest(hashing: [8]),
      model: "compressed", modelDigest: weights, prompt: nil, ppl: 41, pplStandardError: 2,
      nll: 1, scoredTokens: 1020, tokens: 1100, windows: 4
    ).with(
      SimilarityRecord(
        modelDigest: Self.full, attention: [0.99, 0.9, 0.96], activations: [0.75, 0.875, 0.5],
        attentionErrors: [0.001, 0.002, 0.003], activationErrors: [0.01, 0.02, 0.03]))
  }
}
