import Bytes

/// The four things that a text is measured with.
package enum ReportSubject: String, Sendable, CaseIterable {
  case full
  case compressed
  case compressedWithPrompt = "compressed_prompt"
  case fullWithPrompt = "full_prompt"

  /// In words.
  package var label: String {
    switch self {
    case .full: "full model"
    case .compressed: "compressed"
    case .compressedWithPrompt: "compressed + prompt"
    case .fullWithPrompt: "full + prompt (control)"
    }
  }
}

/// A number with its standard error, where one is known.
package struct ReportValue: Sendable, Equatable {
  package var value: Double
  package var error: Double?

  package init(_ value: Double, error: Double? = nil) {
    self.value = value
    self.error = error
  }
}

/// One measured perplexity.
package struct ReportScore: Sendable {
  package var subject: ReportSubject
  /// The prompt's name; "auto" where one was chosen for each window.
  package var prompt: String?
  /// The rule by which prompts were chosen for each window; nil where nothing was chosen.
  package var rule: String?
  package var perplexity: ReportValue
  /// The ratio to the full model's perplexity with its paired error, window by window; nil where only
  /// the two perplexities are known.
  package var ratio: ReportValue?
  package var divergence: ReportDivergence?
  /// The number of its protocol.
  package var `protocol`: Int
  /// Whether other weights were measured than those of the bundle that records the number.
  package var isOfOtherWeights: Bool

  package init(
    _ subject: ReportSubject, prompt: String? = nil, rule: String? = nil, perplexity: ReportValue,
    ratio: ReportValue? = nil, divergence: ReportDivergence? = nil, protocol: Int,
    isOfOtherWeights: Bool = false
  ) {
    self.subject = subject
    self.prompt = prompt
    self.rule = rule
    self.perplexity = perplexity
    self.ratio = ratio
    self.divergence = divergence
    self.protocol = `protocol`
    self.isOfOtherWeights = isOfOtherWeights
  }
}

/// The divergence of a model's predictions from the full model's on one text, under the names that
/// llama.cpp's perplexity tool prints.
package struct ReportDivergence: Sendable {
  /// Mean KL divergence in nats per token.
  package var mean: ReportValue
  package var maximum: Double?
  /// Quantiles of the KL divergence: a percentage, 0.1 … 99.9, and the value below which that share
  /// of the tokens lies; in ascending order. 50 is the median.
  package var percentiles: [(percent: Double, value: Double)]
  /// The share of tokens whose most likely token is the full model's, 0…1.
  package var sameTop: ReportValue?
  /// Mean change in the probability of the right token, −1…1.
  package var meanDelta: ReportValue?
  /// Root mean square of that change.
  package var rmsDelta: ReportValue?

  package init(
    mean: ReportValue, maximum: Double? = nil,
    percentiles: [(percent: Double, value: Double)] = [], sameTop: ReportValue? = nil,
    meanDelta: ReportValue? = nil, rmsDelta: ReportValue? = nil
  ) {
    self.mean = mean
    self.maximum = maximum
    self.percentiles = percentiles
    self.sameTop = sameTop
    self.meanDelta = meanDelta
    self.rmsDelta = rmsDelta
  }
}
