import BundleFormat
import Bytes
import Models

/// A chooser among several prompts by one routing rule, anew for every text.
package struct PromptRouter: PromptChooser {
  package let prefixes: PromptPrefixes
  package let rule: RoutingRule
  /// Number of leading tokens of a text that decide; nil for all. Later tokens don't affect the
  /// choice.
  package let deciding: Int?
  /// Routing keys, one per prompt, if the rule is `keys`; otherwise empty.
  let keys: [RoutingKey]

  package var longest: Int { prefixes.longest }

  /// - Parameters:
  ///   - deciding: nil for the rule's usual number.
  ///   - keys: the prompts' routing keys; learned here if nil and the rule needs them.
  /// - Throws: `usage` if fewer tokens decide than the rule needs; `invalidData` if a key is for
  ///   another model.
  package init(
    _ prefixes: PromptPrefixes, rule: RoutingRule = .keys, deciding: Int? = nil,
    keys: [RoutingKey]? = nil
  ) throws(Failure) {
    let least = rule.fewestTokens
    guard deciding ?? least >= least else {
      throw Failure(
        .usage, "routing by \(rule.rawValue) can't choose by \(deciding ?? 0) tokens",
        advice: "use \(least) or more")
    }
    self.prefixes = prefixes
    self.rule = rule
    self.deciding = deciding ?? rule.usualTokens
    guard rule == .keys else {
      self.keys = []
      return
    }
    if let keys { self.keys = keys } else { self.keys = try RoutingKey.learn(prefixes) }
    precondition(self.keys.count == prefixes.count, "a key for each prompt")
    for key in self.keys { try key.check(prefixes.model.configuration) }
  }

  /// The prompt for a text that begins with `ids`, without its keys and values.
  ///
  /// The scores are `PromptPrefixes.logits`, `negativeLosses` or `attentionShares`, by the rule.
  ///
  /// - Throws: `usage` if an id is outside the vocabulary, or the model has too few positions for
  ///   the longest prompt and the deciding tokens; `invalidData` if a score isn't finite.
  package func choice(for ids: [Int32]) throws(Failure) -> PromptChoice {
    let first = Array(ids.prefix(deciding ?? ids.count))
    let scores =
      switch rule {
      case .keys: try prefixes.logits(of: first, for: keys)
      case .loss: try prefixes.negativeLosses(of: first)
      case .attention: try prefixes.attentionShares(of: first)
      }
    if let bad = scores.firstIndex(where: { !$0.isFinite }) {
      throw prefixes.model.notFinite(
        at: "routing by \(rule.rawValue)", "the score of prompt \(bad) is \(scores[bad])")
    }
    return PromptChoice(scores: scores)
  }

  package func choose(
    for ids: [Int32], into cache: KeyValueCache
  ) throws(Failure) -> PromptChoice {
    let choice = try choice(for: ids)
    try prefixes.enter(choice.index, into: cache)
    return choice
  }
}

extension PromptRouter {
  /// Makes a router among prompts of one bundle, with the routing keys that the bundle stores;
  /// missing keys are learned.
  ///
  /// - Parameters:
  ///   - model: the bundle's model.
  ///   - exact: whether to ignore the prompts' stored keys and values, which are rounded to
  ///     float16.
  ///   - deciding: nil for the rule's usual number.
  ///   - progress: called with the tokens done and to do for all missing keys, and their prompts'
  ///     names.
  package init(
    among prompts: [StoredAdapter], of bundle: ModelBundle, in model: LanguageModel, exact: Bool,
    rule: RoutingRule, deciding: Int?, progress: ProgressHandler = .none
  ) throws(Failure) {
    var starts: [PromptStart] = []
    for prompt in prompts {
      starts.append(try bundle.start(with: prompt, of: model, exact: exact).start)
    }
    var keys: [RoutingKey]?
    if rule == .keys {
      keys = try bundle.routingKeys(of: prompts, in: model, progress: progress)
        .all.map { RoutingKey($0) }
    }
    try self.init(
      PromptPrefixes(starts, in: model), rule: rule, deciding: deciding, keys: keys)
  }
}
