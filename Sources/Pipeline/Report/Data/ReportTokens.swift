/// A text with the loss of each of its tokens.
package struct ReportTokens: Sendable {
  /// A token: its text and its negative log-likelihoods in nats; nil where it isn't scored.
  package struct Token: Sendable {
    package var text: String
    package var full: Double?
    package var compressed: Double?
    package var prompted: Double?

    package init(
      _ text: String, full: Double? = nil, compressed: Double? = nil, prompted: Double? = nil
    ) {
      self.text = text
      self.full = full
      self.compressed = compressed
      self.prompted = prompted
    }

    /// Nats that compression took: positive where the token became less likely.
    package var lost: Double? {
      full.flatMap { full in compressed.map { $0 - full } }
    }
    /// Nats that the prompt gave back: positive where it made the token more likely.
    package var regained: Double? {
      compressed.flatMap { plain in prompted.map { plain - $0 } }
    }
  }

  package var tokens: [Token]
  package var prompt: String?
  /// The number of its protocol.
  package var `protocol`: Int

  package init(tokens: [Token], prompt: String? = nil, protocol: Int) {
    self.tokens = tokens
    self.prompt = prompt
    self.protocol = `protocol`
  }
}
