import Builds
import BundleFormat
import Bytes
import Evaluation
import Models

/// A model's perplexity beside that of another, the base, over the same tokens.
package struct ModelComparison: Sendable {
  package let result: Perplexity
  /// The other model's, without a prompt.
  package let base: Perplexity
  /// The first perplexity divided by the second, with its paired error.
  package let ratio: PairedRatio
  /// The first model's divergence from the base; nil unless it was asked for.
  package let divergence: DivergenceRecord?
}

extension Measurement {
  /// Runs `own`, a measurement of this model on `text`, and the same measurement of `base` without
  /// a prompt, window by window side by side, and compares them.
  ///
  /// - Parameters:
  ///   - baseDigest: the digest of the base's weights; nil if unknown.
  ///   - divergence: whether the models' distributions are compared too.
  /// - Throws: `notMet` if the two tokenizers make different tokens of the text, or `divergence` is
  ///   asked for and the vocabularies have different sizes; `interrupted` between two windows.
  package func compare(
    _ own: PerplexityMeter, with base: Measurement, baseDigest: SHA256Digest?, text: String,
    windows: Int?, divergence: Bool
  ) throws -> ModelComparison {
    try checkTokens(text, own.rule, base)
    let sizes = [self, base].map(\.model.configuration.vocabularySize)
    guard !divergence || sizes[0] == sizes[1] else {
      throw Failure(
        .notMet,
        "the models' vocabularies have \(sizes[0]) and \(sizes[1]) tokens, so their distributions"
          + " can't be compared", advice: "compare their perplexities alone")
    }
    var own = own
    var other = try base.meter(text, rule: own.rule, windows: windows)
    var sums = DivergenceSums()
    try progress.alone("eval", unit: "window", unlessDone: Self.unlessDone) { progress in
      try progress.report(0, of: own.windows)
      while !own.isDone {
        var reference: ScoredWindow?
        do throws(Failure) {
          try other.step { reference = $0 }
        } catch {
          throw error.inside("the model compared with")
        }
        let (head, baseHead) = (own.head, other.head)
        try own.step { (window) throws(Failure) in
          guard divergence, let reference else { return }
          try sums.add(window, head: head, base: reference, baseHead: baseHead)
        }
        try progress.report(
          own.state.windows, of: own.windows,
          "ppl \(Figure.short(own.state.runningPerplexity)),"
            + " base \(Figure.short(other.state.runningPerplexity))")
      }
    }
    let (result, reference) = (try own.finished, try other.finished)
    return ModelComparison(
      result: result, base: reference, ratio: try result.ratio(to: reference),
      divergence: divergence ? sums.record(to: baseDigest) : nil)
  }

  /// Checks that both tokenizers make the same tokens of `text`, whatever their files hold.
  private func checkTokens(
    _ text: String, _ rule: PerplexityProtocol, _ base: Measurement
  ) throws(Failure) {
    let (own, other) = (tokenizer.encode(text), base.tokenizer.encode(text))
    let hasSameStart =
      rule.family != .llamacpp || tokenizer.forcedBOS == base.tokenizer.forcedBOS
    guard own != other || !hasSameStart else { return }
    func basis(_ ids: [Int32], _ measurement: Measurement) -> MeasurementBasis {
      let windows = rule.windowCount(tokens: ids.count)
      return MeasurementBasis(
        protocol: rule.id, text: "", textDigest: nil,
        tokenizerDigest: SHA256Digest(hashing: measurement.tokenizer.canonicalJSON),
        windows: windows, scoredTokens: windows * rule.targetsPerWindow, tokens: ids.count,
        arithmetic: measurement.model.arithmetic.available.rawValue)
    }
    try basis(own, self).requireComparable(to: basis(other, base))
    throw Failure(.internalError, "one tokenizer made different tokens of one text")
  }
}

extension ModelFile {
  /// The digest of the weights; nil for a checkpoint, whose files aren't hashed.
  package var weightsDigest: SHA256Digest? {
    switch self {
    case .bundle(let bundle): bundle.weightsDigest
    case .checkpoint: nil
    }
  }
}
