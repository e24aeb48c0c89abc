import BundleFormat
import Bytes
import Models
import Numerics

/// Measures a perplexity window by window; between any two windows it can be stopped and taken up
/// again.
package struct PerplexityMeter {
  /// What a measurement has so far; the same settings and this state go on to the same bits.
  package struct State: Sendable, Equatable, Codable {
    /// Windows done.
    package var windows = 0
    package var sums = ScoreSums()
    /// Windows per prompt, where each window chooses among several.
    package var routed: [Int]?

    package init() {}

    /// Perplexity of the windows done so far.
    package var runningPerplexity: Double {
      Perplexity(protocolID: "", sums: sums, tokens: 0, windows: windows, prompt: nil).value
    }
  }

  package let rule: PerplexityProtocol
  /// Windows to score in all.
  package let windows: Int
  package private(set) var state: State
  private let ids: [Int32]
  private let bos: Int32?
  private let promptName: String?
  /// The prompts that a window chooses from, and by how many tokens.
  private let routed: (names: [String], by: PromptRouting)?
  private let scorer: Scorer

  /// - Parameters:
  ///   - ids: the whole text's tokens, without BOS.
  ///   - limit: windows to score at most, from the start of the text; nil for all.
  ///   - bos: the vocabulary's BOS where it wants one before a text.
  ///   - prompt: a soft prompt before every window, or another adapter, and its name. The same tokens
  ///     are scored as without.
  ///   - state: where an earlier run of the same measurement stopped.
  /// - Throws: `usage` where the text is shorter than one window or the prompt doesn't fit the
  ///   model.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol = .standard,
    limit: Int? = nil, bos: Int32? = nil, prompt: (name: String, adapter: Adapter)? = nil,
    state: State = State()
  ) throws(Failure) {
    try self.init(
      scorer: Scorer(model, adapter: prompt?.adapter), ids: ids, rule: rule, limit: limit, bos: bos,
      promptName: prompt?.name, routed: nil, state: state)
  }

  /// As above, each window with the prompt that it chooses itself.
  ///
  /// Where all tokens of a window decide, its text is known to the choice before it is scored.
  /// - Parameter names: of the prompts to choose from, in the order of `routing`.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol = .standard,
    limit: Int? = nil, bos: Int32? = nil, choosing names: [String], by routing: PromptRouting,
    state: State = State()
  ) throws(Failure) {
    precondition(names.count == routing.prefixes.count, "a name per prompt")
    try self.init(
      scorer: Scorer(model, routing: routing), ids: ids, rule: rule, limit: limit, bos: bos,
      promptName: "auto", routed: (names, routing), state: state)
  }

  private init(
    scorer: Scorer, ids: [Int32], rule: PerplexityProtocol, limit: Int?, bos: Int32?,
    promptName: String?, routed: (names: [String], by: PromptRouting)?, state: State
  ) throws(Failure) {
    let available = rule.windowCount(tokens: ids.count)
    guard available > 0, limit ?? 1 > 0 else {
      throw Failure(
        .usage,
        "the text has \(ids.count) tokens, less than one window of \(rule.length)",
        advice: "use a longer text or shorter windows", reason: .textTooShort)
    }
    self.rule = rule
    windows = min(available, limit ?? available)
    let routedWindows = state.routed?.reduce(0, +) ?? 0
    guard state.windows >= 0, state.windows <= windows,
      routedWindows == (routed == nil ? 0 : state.windows),
      state.routed == nil || state.routed?.count == routed?.names.count,
      state.sums.count == state.windows * rule.targetsPerWindow
    else {
      throw Failure(
        .invalidData,
        "the stored measurement has \(state.sums.count) tokens in \(state.windows)"
          + " windows, which is not of this protocol (\(rule.id), \(windows) windows)",
        advice: "measure again from the start")
    }
    self.ids = ids
    self.bos = bos
    self.state = state
    self.promptName = promptName
    self.routed = routed
    self.scorer = scorer
  }

  package var isDone: Bool { state.windows >= windows }

  /// Scores the next window.
  package mutating func step() throws(Failure) {
    precondition(!isDone, "all windows are scored")
    let window = rule.window(state.windows, of: ids, bos: bos)
    let losses = try scorer.nll([window])[0]
    // losses[i] is target i + 1.
    state.sums.add(losses[(rule.firstTarget - 1)...])
    state.windows += 1
    guard let routed, let choice = scorer.choices[0] else { return }
    var counts = state.routed ?? [Int](repeating: 0, count: routed.names.count)
    counts[choice.index] += 1
    state.routed = counts
  }

  /// The measurement as far as it has come; the full one once `isDone`.
  package var result: Perplexity {
    Perplexity(
      protocolID: rule.id, sums: state.sums, tokens: ids.count, windows: state.windows,
      prompt: promptName, choice: choice)
  }

  private var choice: ChoiceRecord? {
    routed.map { routed in
      let counts = state.routed ?? [Int](repeating: 0, count: routed.names.count)
      return ChoiceRecord(
        rule: PromptRule(routed.by.rule).rawValue,
        deciding: routed.by.deciding,
        shares: zip(routed.names, counts).map { ChoiceRecord.Share(prompt: $0, windows: $1) })
    }
  }

  /// Scores all windows left.
  /// - Parameter onWindow: after each window; what it throws ends the measurement there.
  package mutating func run(
    onWindow: (borrowing PerplexityMeter) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> Perplexity {
    while !isDone {
      try step()
      try onWindow(self)
    }
    guard result.nll.isFinite else {
      throw Failure(.notMet, "the model's losses are not finite numbers")
    }
    return result
  }
}
