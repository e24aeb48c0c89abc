import BundleFormat
import Bytes
import Models

extension StoredRoutingKey {
  /// Learns the routing key of `prompt` in `model`, whose weights have the digest `weights`; nil
  /// for a LoRA adapter, which routing can't choose.
  /// - Parameter progress: called with the tokens of the vocabulary done and to do.
  package static func learn(
    for prompt: StoredAdapter, in model: LanguageModel, weights: SHA256Digest,
    progress: ProgressHandler = .none
  ) throws(Failure) -> StoredRoutingKey? {
    guard prompt.tokens > 0 else { return nil }
    let adapter = try Adapter(prompt, for: model.configuration)
    let prefixes = try PromptPrefixes([adapter.attached(to: model).start], in: model)
    let named = progress.piece(0, of: 1, "`\(prompt.name)`")
    guard let learned = try RoutingKey.learn(prefixes, progress: named).first else { return nil }
    return StoredRoutingKey(
      of: prompt, weights: weights, explained: learned.explained, key: learned.key,
      bias: learned.bias)
  }
}

extension ModelBundle {
  /// The routing keys of `prompts`, in their order; those that the bundle doesn't store are learned
  /// here, and also returned as `learned`.
  /// - Parameter progress: called with the tokens done and to do for all missing keys, and their
  ///   prompts' names; not called if none is missing.
  package func routingKeys(
    of prompts: [StoredAdapter], in model: LanguageModel, progress: ProgressHandler = .none
  ) throws(Failure) -> (all: [StoredRoutingKey], learned: [StoredRoutingKey]) {
    var stored: [StoredRoutingKey?] = []
    for prompt in prompts { stored.append(try routingKey(of: prompt.name)) }
    let missing = zip(prompts, stored).filter { $0.1 == nil }.map { "`\($0.0.name)`" }
    let names = missing.joined(separator: ", ")
    var (all, learned): ([StoredRoutingKey], [StoredRoutingKey]) = ([], [])
    for (prompt, known) in zip(prompts, stored) {
      if let known {
        all.append(known)
        continue
      }
      let own = progress.piece(learned.count, of: missing.count, names)
      guard
        let new = try StoredRoutingKey.learn(
          for: prompt, in: model, weights: weightsDigest, progress: own)
      else {
        throw Failure(
          .internalError, at: "prompt “\(prompt.name)”",
          "is a LoRA adapter, which has no routing key"
        )
      }
      all.append(new)
      learned.append(new)
    }
    return (all, learned)
  }
}
