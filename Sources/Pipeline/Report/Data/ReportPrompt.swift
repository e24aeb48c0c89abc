import Bytes

/// A prompt or another adapter of a bundle.
package struct ReportPrompt: Sendable {
  package var name: String
  /// The kind and the size in words: "soft prompt, 100 × 576".
  package var label: String
  package var parameters: Int
  package var objective: String
  /// The weights and texts on which it was learned and measured, in words.
  package var trust: String
  /// The digest of its numbers: the same prompt has the same one in every bundle.
  package var digest: SHA256Digest
  /// The weights that it was learned on; nil where unknown.
  package var learnedOn: SHA256Digest?
  package var texts: [(role: String, name: String, digest: SHA256Digest)]
  package var curve: ReportCurve?
  package var validations: [ReportValidation]

  package init(
    name: String, label: String, parameters: Int, objective: String, trust: String,
    digest: SHA256Digest, learnedOn: SHA256Digest? = nil,
    texts: [(role: String, name: String, digest: SHA256Digest)] = [],
    curve: ReportCurve? = nil, validations: [ReportValidation] = []
  ) {
    self.name = name
    self.label = label
    self.parameters = parameters
    self.objective = objective
    self.trust = trust
    self.digest = digest
    self.learnedOn = learnedOn
    self.texts = texts
    self.curve = curve
    self.validations = validations
  }
}

/// The validation perplexity of a prompt while it was learned.
package struct ReportCurve: Sendable {
  package var points: [(step: Int, perplexity: Double)]
  /// Without a prompt, on the same tokens.
  package var without: Double?
  package var bestStep: Int?
  /// The number of its protocol.
  package var `protocol`: Int

  package init(
    points: [(step: Int, perplexity: Double)], without: Double? = nil, bestStep: Int? = nil,
    protocol: Int
  ) {
    self.points = points
    self.without = without
    self.bestStep = bestStep
    self.protocol = `protocol`
  }
}

/// A measurement of a prompt on given weights, its own or those it was transferred to.
package struct ReportValidation: Sendable, Equatable {
  package var weights: SHA256Digest
  package var without: Double
  package var with: Double
  /// The number of its protocol.
  package var `protocol`: Int

  package init(weights: SHA256Digest, without: Double, with: Double, protocol: Int) {
    self.weights = weights
    self.without = without
    self.with = with
    self.protocol = `protocol`
  }

  /// The change of the perplexity as a share of it: negative where the prompt helps.
  package var change: Double { with / without - 1 }
}
