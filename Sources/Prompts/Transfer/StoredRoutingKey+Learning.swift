import BundleFormat
import Bytes
import Models

extension StoredRoutingKey {
  /// Learns what a choice finds `prompt` by, in `model` with these weights.
  /// - Parameter onPart: as for `RoutingKey.learn`.
  /// - Returns: nil where nothing could be chosen: low-rank parts.
  package static func learn(
    for prompt: StoredAdapter, in model: LanguageModel, weights: SHA256Digest,
    onPart: (Int, Int) throws(Failure) -> Void = { _, _ in }
  ) throws(Failure) -> StoredRoutingKey? {
    guard prompt.tokens > 0 else { return nil }
    let adapter = try Adapter(prompt, for: model.configuration)
    let prefixes = try PromptPrefixes([adapter.attached(to: model).start], in: model)
    guard let learned = try RoutingKey.learn(prefixes, in: model, onPart: onPart).first else {
      return nil
    }
    return StoredRoutingKey(
      of: prompt, weights: weights, explained: learned.explained, key: learned.key,
      bias: learned.bias)
  }
}

extension ModelBundle {
  /// What texts find `prompts` by, in their order, and those of it that aren't stored, and were learned here.
  /// - Parameter onPart: called while keys are learned, with the names of the prompts that have none stored, and
  ///   with what is done and to do of all of them, from 0 on; what it throws ends the learning there.
  package func routingKeys(
    of prompts: [StoredAdapter], in model: LanguageModel,
    onPart: ([String], Int, Int) throws(Failure) -> Void = { _, _, _ in }
  ) throws(Failure) -> (all: [StoredRoutingKey], learned: [StoredRoutingKey]) {
    var stored: [StoredRoutingKey?] = []
    for prompt in prompts { stored.append(try routingKey(of: prompt.name)) }
    let missing = zip(prompts, stored).filter { $0.1 == nil }.map(\.0.name)
    var (all, learned): ([StoredRoutingKey], [StoredRoutingKey]) = ([], [])
    for (prompt, known) in zip(prompts, stored) {
      if let known {
        all.append(known)
      } else if let new = try StoredRoutingKey.learn(
        for: prompt, in: model, weights: weightsDigest,
        onPart: { (done, of) throws(Failure) in
          // The next one's beginning is this one's end.
          if done == 0, !learned.isEmpty { return }
          try onPart(missing, learned.count * of + done, missing.count * of)
        })
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
  package init(_ stored: StoredRoutingKey) {
    self.init(key: stored.key, bias: stored.bias, explained: stored.explained)
  }
}
