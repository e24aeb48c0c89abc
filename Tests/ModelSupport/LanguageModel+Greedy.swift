import Bytes
import Models
import Numerics

extension LanguageModel {
  /// The most likely tokens after one text, everything in float32.
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
