import Bytes
import Models
import Numerics

extension LanguageModel {
  /// The most likely continuation of one text, with keys and values in float32 unless `cache` says
  /// otherwise.
  /// - Parameter onToken: called with each new token; returning false ends the text.
  package func greedy(
    _ ids: [Int32], prompt: PromptStart = .none, maxTokens: Int, stopTokens: Set<Int32> = [],
    cache: AttentionCache.Format = .float32,
    onToken: (Int32) throws(Failure) -> Bool = { _ in true }
  ) throws(Failure) -> [Int32] {
    var settings = GenerationSettings()
    (settings.maxTokens, settings.stopTokens, settings.cache) = (maxTokens, stopTokens, cache)
    return try generate([ids], prompt: prompt, settings: settings) { _, token throws(Failure) in
      try onToken(token)
    }.tokens[0]
  }
}
