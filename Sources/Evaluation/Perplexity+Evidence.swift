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
  ///   - arithmetic: arithmetic of the products; recorded only if it isn't float32.
  ///   - rest: the same measurement over the later tokens of each window.
  package func evidence(
    text: (name: String, digest: SHA256Digest?), model: (name: String, digest: SHA256Digest?),
    arithmetic: Arithmetic = .float32, rest: RestRecord? = nil
  ) -> EvidenceRecord {
    EvidenceRecord(
      protocol: protocolID, text: text.name, textDigest: text.digest, model: model.name,
      modelDigest: model.digest, prompt: prompt, ppl: value, pplStandardError: standardError,
      nll: nll * Double(scoredTokens), scoredTokens: scoredTokens, tokens: tokens, windows: windows,
      choice: choice, rest: rest,
      other: arithmetic == .float32 ? [:] : ["arithmetic": .string(arithmetic.rawValue)])
  }

  /// The validation record of a prompt on given weights, from the perplexities of one text without
  /// and with it.
  /// - Throws: `internalError` if the two didn't score the same tokens.
  package static func validation(
    without: Perplexity, with: Perplexity, weights: SHA256Digest,
    text: (name: String, digest: SHA256Digest?)
  ) throws(Failure) -> Validation {
    guard without.protocolID == with.protocolID, without.windows == with.windows,
      without.scoredTokens == with.scoredTokens
    else {
      throw Failure(
        .internalError,
        "the perplexities without and with the prompt were not measured on the same tokens")
    }
    return Validation(
      weights: weights, protocol: with.protocolID, text: text.name, textDigest: text.digest,
      pplWithout: without.value, pplWith: with.value, scoredTokens: with.scoredTokens)
  }
}
