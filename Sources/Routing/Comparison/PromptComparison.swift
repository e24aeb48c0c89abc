import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics

/// A comparison of several prompts by perplexity on the same windows of some texts: of each prompt
/// alone, and of rules that choose one of them for every window.
///
/// Each window is scored once without a prompt and once with each. A rule costs no more than its
/// choices, because a text with its chosen prompt has the losses of that prompt alone, to the bit.
package struct PromptComparison {
  /// One text's windows and their measurements.
  package struct Text: Sendable {
    package let name: String
    package let digest: SHA256Digest?
    /// Tokens of the whole text, before it was cut.
    package let tokens: Int
    package let windows: [Window]
  }

  /// One window's losses, and the prompts that routing rules chose for it.
  package struct Window: Sendable {
    /// Negative log-likelihoods of targets 1 ..< T in nats: without a prompt, then with each.
    let losses: [[Float]]
    /// The prompt chosen by the attention of all tokens.
    let whole: Int
    /// The prompt chosen by the attention of the first `part` tokens.
    let part: Int
    /// The prompt chosen by routing keys from the first `part` tokens.
    let keys: Int
  }

  /// The prompts' names.
  package let names: [String]
  package let rule: PerplexityProtocol
  /// Leading tokens per window that partial-information rules may see. Perplexity on the remaining
  /// tokens is reported separately.
  package let part: Int
  /// Seed of the random choice.
  package let seed: UInt64
  package private(set) var texts: [Text] = []
  private let model: LanguageModel
  private let adapters: [Adapter]
  private let prefixes: PromptPrefixes
  private let keys: [RoutingKey]

  /// - Parameters:
  ///   - prompts: two or more soft prompts or prefixes, with their names.
  ///   - keys: the prompts' routing keys; learned here if nil.
  ///   - part: leading tokens per window that partial-information rules may see, 2 ... T − 1; nil
  ///     for the usual number of routing by keys, but at most half of a window.
  ///   - seed: seed of the random choice.
  /// - Throws: `usage` if there are fewer than two prompts, or `part` is out of range.
  package init(
    _ model: LanguageModel, prompts: [(name: String, adapter: Adapter)],
    keys: [RoutingKey]? = nil, rule: PerplexityProtocol = .standard, part: Int? = nil,
    seed: UInt64 = 0
  ) throws(Failure) {
    guard prompts.count > 1 else {
      throw Failure(
        .usage, "there are \(prompts.count) prompts to compare",
        advice: "give two or more")
    }
    let length = part ?? min(RoutingRule.keys.usualTokens ?? .max, rule.length / 2)
    guard (2..<rule.length).contains(length) else {
      throw Failure(
        .usage, "a rule can't choose by \(length) tokens of a window of \(rule.length)",
        advice: "use 2 to \(rule.length - 1)")
    }
    self.model = model
    self.rule = rule
    self.part = length
    self.seed = seed
    names = prompts.map(\.name)
    adapters = prompts.map(\.adapter)
    var starts: [PromptStart] = []
    for adapter in adapters { starts.append(try adapter.attached(to: model).start) }
    prefixes = try PromptPrefixes(starts, in: model)
    if let keys { self.keys = keys } else { self.keys = try RoutingKey.learn(prefixes) }
  }

  /// Number of passes over a text in `measure`; a pass over one window is the unit of its progress.
  package var passes: Int { names.count + 2 }

  /// Scores the windows of one text and records each rule's choices.
  ///
  /// - Parameters:
  ///   - limit: maximum number of windows; nil for all.
  ///   - bos: the token that the vocabulary puts before a text; nil for none.
  ///   - progress: called with the passes over a window done and to do, after each.
  /// - Throws: `usage` if the text is shorter than a window, `invalidData` if a loss isn't
  ///   finite.
  package mutating func measure(
    _ ids: [Int32], name: String, digest: SHA256Digest?, limit: Int? = nil, bos: Int32? = nil,
    progress: ProgressHandler = .none
  ) throws(Failure) {
    let count = min(rule.windowCount(tokens: ids.count), limit ?? .max)
    guard count > 0 else {
      throw Failure(
        .usage, file: name,
        "the text has \(ids.count) tokens, less than one window of \(rule.length)",
        advice: "use a longer text or shorter windows", reason: .textTooShort)
    }
    let windows = (0..<count).map { rule.window($0, of: ids, bos: bos) }
    var done = 0
    var losses = [[[Float]]](repeating: [], count: count)
    // One scorer at a time: each keeps a whole model's keys and values.
    for adapter in [nil] + adapters.map({ Optional($0) }) {
      let scorer = try Scorer(model, adapter: adapter)
      for (index, window) in windows.enumerated() {
        do throws(Failure) {
          let nll = try scorer.nll([window])[0]
          try Perplexity.check(nll)
          losses[index].append(nll)
        } catch {
          throw error.inside("\(name), window \(index)")
        }
        done += 1
        try progress.report(done, of: count * passes)
      }
    }
    var chosen: [[Int]] = []
    let rules: [(RoutingRule, Int?)] = [
      (.attention, nil), (.attention, part), (.keys, part),
    ]
    for (rule, deciding) in rules {
      let router = try PromptRouter(prefixes, rule: rule, deciding: deciding, keys: keys)
      var choices: [Int] = []
      for window in windows { choices.append(try router.choice(for: window).index) }
      chosen.append(choices)
    }
    done += count
    try progress.report(done, of: count * passes)
    texts.append(
      Text(
        name: name, digest: digest, tokens: ids.count,
        windows: (0..<count).map {
          Window(
            losses: losses[$0], whole: chosen[0][$0], part: chosen[1][$0], keys: chosen[2][$0])
        }))
  }
}
