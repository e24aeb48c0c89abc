import Bytes

extension Failure.Reason {
  /// The text is shorter than one window.
  package static let textTooShort = Failure.Reason("evaluation.text-too-short")
  /// The perplexity is too large for a float64.
  package static let perplexityRange = Failure.Reason("evaluation.perplexity-range")
}
