import BundleFormat
import Bytes
import Numerics

extension Perplexity {
  /// The evidence record of this measurement for a bundle.
  ///
  /// - Parameters:
  ///   - text: the text's name, without a path, and the digest of its content.
  ///   - model: the name of the measured model ("full", "compressed" …), and the digest of its
  ///     weights.
  ///   - tokenizer: the digest of the tokenizer that made the text's tokens; nil if unknown.
  ///   - arithmetic: arithmetic of the products; recorded only if it isn't float32.
  ///   - rest: the same measurement over the later tokens of each window.
  ///   - ratio: the ratio to the full model's perplexity.
  ///   - divergence: the divergence from the full model.
  package func evidence(
    text: (name: String, digest: SHA256Digest?), model: (name: String, digest: SHA256Digest?),
    tokenizer: SHA256Digest?, arithmetic: Arithmetic = .float32, rest: RestRecord? = nil,
    ratio: RatioRecord? = nil, divergence: DivergenceRecord? = nil
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: protocolID, text: text.name, textDigest: text.digest, tokenizerDigest: tokenizer,
      arithmetic: arithmetic == .float32 ? nil : arithmetic.rawValue, model: model.name,
      modelDigest: model.digest, prompt: prompt, ppl: value, pplStandardError: standardError,
      nll: nll * Double(scoredTokens), scoredTokens: scoredTokens, tokens: tokens, windows: windows,
      choice: choice, rest: rest, ratio: ratio, divergence: divergence)
  }

  /// The tokens and the rule of this measurement, for comparisons within one text.
  func basis() -> MeasurementBasis {
    MeasurementBasis(
      protocol: protocolID, text: "", textDigest: nil, tokenizerDigest: nil, windows: windows,
      scoredTokens: scoredTokens, tokens: tokens, arithmetic: Arithmetic.float32.rawValue)
  }

  /// The validation record of a prompt on given weights, from the perplexities of one text without
  /// and with it.
  /// - Throws: `internalError` naming the difference if the two didn't score the same tokens.
  package static func validation(
    without: Perplexity, with: Perplexity, weights: SHA256Digest,
    text: (name: String, digest: SHA256Digest?), arithmetic: Arithmetic
  ) throws(Failure) -> Validation {
    let differences = without.basis().differences(from: with.basis())
    guard differences.isEmpty else {
      throw Failure(
        .internalError,
        "the perplexities without and with the prompt were not measured on the same tokens:"
          + " they differ in \(MeasurementBasis.list(differences))")
    }
    return Validation(
      weights: weights, protocol: with.protocolID, text: text.name, textDigest: text.digest,
      pplWithout: without.value, pplWith: with.value, scoredTokens: with.scoredTokens,
      arithmetic: arithmetic == .float32 ? nil : arithmetic.rawValue)
  }
}
