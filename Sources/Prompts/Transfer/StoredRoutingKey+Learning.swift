import Bundle
import Bytes
import Models

extension StoredRoutingKey {
  /// Learns what a choice finds `prompt` by, in `model` with these weights.
  /// - Returns: nil where nothing could be chosen: low-rank parts.
  public static func learn(
    for prompt: Prompt, in model: LanguageModel, weights: SHA256Digest
  ) throws(Failure) -> StoredRoutingKey? {
    guard prompt.tokens > 0 else { return nil }
    let adapter = try Adapter(prompt, for: model.configuration)
    let prefixes = try PromptPrefixes([adapter.attached(to: model).start], in: model)
    guard let learned = try RoutingKey.learn(prefixes, in: model).first else { return nil }
    return StoredRoutingKey(
      of: prompt, weights: weights, explained: learned.explained, key: learned.key,
      bias: learned.bias)
  }
}

extension RoutingKey {
  public init(_ stored: StoredRoutingKey) {
    self.init(key: stored.key, bias: stored.bias, explained: stored.explained)
  }
}
