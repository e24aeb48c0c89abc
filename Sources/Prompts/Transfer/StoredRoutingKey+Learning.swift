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

extension Bundle {
  /// What texts find `prompts` by, in their order, and those of it that aren't stored, and were learned here.
  /// - Parameter onLearning: called with the names of prompts whose keys aren't stored, before they are learned.
  public func routingKeys(
    of prompts: [Prompt], in model: LanguageModel, onLearning: ([String]) -> Void = { _ in }
  ) throws(Failure) -> (all: [StoredRoutingKey], learned: [StoredRoutingKey]) {
    var stored: [StoredRoutingKey?] = []
    for prompt in prompts { stored.append(try routingKey(of: prompt.name)) }
    let missing = zip(prompts, stored).filter { $0.1 == nil }.map(\.0.name)
    if !missing.isEmpty { onLearning(missing) }
    var (all, learned): ([StoredRoutingKey], [StoredRoutingKey]) = ([], [])
    for (prompt, known) in zip(prompts, stored) {
      if let known {
        all.append(known)
      } else if let new = try StoredRoutingKey.learn(
        for: prompt, in: model, weights: weightsDigest)
      {
        all.append(new)
        learned.append(new)
      } else {
        throw Failure(.internalError, at: "prompt “\(prompt.name)”", "no choice can find it")
      }
    }
    return (all, learned)
  }
}

extension RoutingKey {
  public init(_ stored: StoredRoutingKey) {
    self.init(key: stored.key, bias: stored.bias, explained: stored.explained)
  }
}
