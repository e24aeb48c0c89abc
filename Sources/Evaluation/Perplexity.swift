import BundleFormat
import Bytes
import Foundation

/// A measured perplexity, with all data needed to compare it with others.
package struct Perplexity: Sendable, Equatable {
  /// The protocol's id.
  package let protocolID: String
  /// Mean negative log-likelihood of the scored tokens, in nats.
  package let nll: Double
  /// exp(`nll`).
  package let value: Double
  /// Standard error of `value`, taking the scored tokens as independent draws: value · √(s² / n)
  /// with s² the sample variance of the tokens' negative log-likelihoods (first-order error
  /// propagation through exp, as llama.cpp prints it). Neighbouring tokens are correlated, so it is
  /// a lower bound.
  package let standardError: Double
  /// Number of scored tokens.
  package let scoredTokens: Int
  /// Sum of the scored losses of each window, in nats; empty where they weren't kept.
  package let windowSums: [Double]
  /// Tokens of the whole text, before it was cut into windows.
  package let tokens: Int
  /// Number of windows scored.
  package let windows: Int
  /// The prompt's name; nil for none, "auto" if it was chosen for each window.
  package let prompt: String?
  /// Number of windows per chosen prompt; nil if there was no choice.
  package let choice: ChoiceRecord?

  package init(
    protocolID: String, sums: ScoreSums, windowSums: [Double] = [], tokens: Int, windows: Int,
    prompt: String?, choice: ChoiceRecord? = nil
  ) {
    self.protocolID = protocolID
    nll = sums.mean
    value = exp(sums.mean)
    standardError = value * (sums.variance / Double(max(1, sums.count))).squareRoot()
    scoredTokens = sums.count
    self.windowSums = windowSums
    self.tokens = tokens
    self.windows = windows
    self.prompt = prompt
    self.choice = choice
  }

  /// Checks that the measurement can be stored, by the rule of those that are.
  /// - Throws: `invalidData` if the perplexity or its error is beyond float64's range.
  func checkRange() throws(Failure) {
    if evidence(text: ("", nil), model: ("", nil), tokenizer: nil).isFinite { return }
    throw Failure(
      .invalidData,
      "the mean loss is \(Figure.short(nll)) nats per token, whose perplexity is beyond the range"
        + " of float64",
      advice: "check that the text, the tokenizer and the model belong together",
      reason: .perplexityRange)
  }

  /// Checks that the perplexity of tokens with these losses, in nats, is within float64's range.
  /// - Throws: `invalidData` if it isn't.
  package static func check(_ losses: [Float]) throws(Failure) {
    var sums = ScoreSums()
    sums.add(losses)
    try Perplexity(protocolID: "", sums: sums, tokens: 0, windows: 1, prompt: nil).checkRange()
  }
}

/// Running sums over the negative log-likelihoods of scored tokens. They are added in the order of
/// the text, so that a resumed measurement ends with the same bits.
package struct ScoreSums: Sendable, Equatable, Codable {
  package private(set) var count = 0
  /// Sum of the losses, in nats.
  package private(set) var sum = 0.0
  /// Sum of the losses' squares.
  package private(set) var squares = 0.0

  package init() {}

  package mutating func add(_ losses: some Sequence<Float>) {
    for loss in losses {
      let value = Double(loss)
      count += 1
      sum += value
      squares += value * value
    }
  }

  /// Mean loss in nats per token; 0 without tokens.
  package var mean: Double { count == 0 ? 0 : sum / Double(count) }

  /// Sample variance (n − 1 in the denominator); 0 for fewer than two tokens.
  package var variance: Double {
    guard count > 1 else { return 0 }
    return max(0, (squares - sum * mean) / Double(count - 1))
  }
}
