import BundleFormat
import Bytes

extension ReportPrompt {
  /// An adapter of a bundle with the weights `weights`.
  init(
    _ adapter: StoredAdapter, on weights: SHA256Digest, tokenizer: SHA256Digest?,
    in protocols: inout ReportProtocols
  ) {
    let own = adapter.binding.weights
    let trust =
      own == weights
      ? "learned on these weights"
      : adapter.unvalidated
        ? "NEVER MEASURED on these weights" : "learned on other weights, measured on these"
    // The numbers alone: the same prompt may have another name in another bundle.
    let digest = SHA256Digest(
      hashing: adapter.values.flatMap { value in
        let bits = value.bitPattern
        return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
      })
    self.init(
      name: adapter.name, label: adapter.shape.label, parameters: adapter.values.count,
      objective: adapter.objective, trust: trust, digest: digest, learnedOn: own,
      texts: adapter.trainingData.map { ($0.role, $0.name, $0.sha256) })
    curve = ReportCurve(adapter, tokenizer: tokenizer, in: &protocols)
    validations = adapter.validatedOn.map { validation in
      ReportValidation(
        weights: validation.weights, without: validation.pplWithout, with: validation.pplWith,
        protocol: protocols.number(
          of: ReportProtocol(
            .validation, id: validation.protocol, text: validation.text,
            textDigest: validation.textDigest, tokenizer: tokenizer,
            scored: validation.scoredTokens)))
    }
  }
}

extension ReportCurve {
  /// The curve of an adapter's learning; nil where it has no record of one.
  fileprivate init?(
    _ adapter: StoredAdapter, tokenizer: SHA256Digest?, in protocols: inout ReportProtocols
  ) {
    let training = adapter.training
    let points = (training["curve"]?.array ?? []).compactMap { point in
      point["step"]?.int.flatMap { step in
        point["validation_ppl"]?.double.map { (step: step, perplexity: $0) }
      }
    }
    guard !points.isEmpty else { return nil }
    let text = adapter.trainingData.first { $0.role == "validation" }
    let settings = training["settings"]
    let length = settings?["length"]?.int
    self.init(
      points: points, without: training["validation_ppl_without"]?.double,
      bestStep: training["best_step"]?.int,
      protocol: protocols.number(
        of: ReportProtocol(
          .learning, id: length.map { "windows of \($0)" } ?? "validation",
          text: text?.name ?? "validation text", textDigest: text?.sha256, tokenizer: tokenizer,
          windows: settings?["validation"]?["windows"]?.int,
          arithmetic: settings?["arithmetic"]?.string)))
  }
}
