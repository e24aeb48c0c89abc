import Numerics

/// The settings of a speed measurement: how many tokens, how often, and with which cache.
package struct SpeedSettings: Sendable, Equatable {
  /// Tokens of the text, computed together in one pass (the prefill).
  package var textTokens = 256
  /// Tokens generated one by one after the text.
  package var generatedTokens = 64
  /// Measured rounds, in each of which every case runs once; a round of warm-up comes before them.
  package var repeats = 5
  /// Storage format of keys and values.
  package var cache = AttentionCache.Format.float16

  package init() {}

  /// The protocol's id, `bench-T-G`: T tokens of text, then G single tokens. Times are comparable only if it is
  /// the same, and the machine.
  package var protocolID: String { "bench-\(textTokens)-\(generatedTokens)" }

  /// Rows that a text's cache needs, after `promptTokens` positions of a prompt.
  package func rows(promptTokens: Int) -> Int { promptTokens + textTokens + generatedTokens }

  /// The token ids of the text, i · 7919 modulo the size of the vocabulary: times depend on their number alone.
  package func text(vocabulary: Int) -> [Int32] {
    (0..<textTokens).map { Int32($0 * 7919 % vocabulary) }
  }
}
