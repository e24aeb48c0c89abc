import BundleFormat
import Bytes
import Models
import Numerics

/// A measurement of perplexity, window by window; between any two windows it can be stopped and resumed.
package struct PerplexityMeter {
  /// The sums of a measurement so far. Resumed with the same settings, it ends with the same bits.
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
  /// The choice among prompts, with no windows counted; nil where there is none.
  private let routed: ChoiceRecord?
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
      promptName: prompt?.name, record: nil, state: state)
  }

  /// A measurement in which `chooser` chooses a prompt for each window.
  /// - Parameter record: how the choice is recorded: one share per prompt, in the chooser's order, with no
  ///   windows yet.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol, limit: Int?, bos: Int32?,
    chooser: any PromptChooser, record: ChoiceRecord, state: State
  ) throws(Failure) {
    try self.init(
      scorer: Scorer(model, chooser: chooser), ids: ids, rule: rule, limit: limit, bos: bos,
      promptName: "auto", record: record, state: state)
  }

  private init(
    scorer: Scorer, ids: [Int32], rule: PerplexityProtocol, limit: Int?, bos: Int32?,
    promptName: String?, record: ChoiceRecord?, state: State
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
      routedWindows == (record == nil ? 0 : state.windows),
      state.routed == nil || state.routed?.count == record?.shares.count,
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
    routed = record
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
    var counts = state.routed ?? [Int](repeating: 0, count: routed.shares.count)
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
    var choice = routed
    for (index, windows) in (state.routed ?? []).enumerated() {
      choice?.shares[index].windows = windows
    }
    return choice
  }

  /// The full measurement, all windows left having been scored.
  /// - Parameter progress: told the windows done and to do, after each; `note` says how it goes.
  /// - Throws: `notMet` where the losses aren't finite.
  package mutating func run(
    progress: ProgressHandler = .none, note: (State) -> String = { _ in "" }
  ) throws(Failure) -> Perplexity {
    while !isDone {
      try step()
      try progress.report(state.windows, of: windows, note(state))
    }
    guard result.nll.isFinite else {
      throw Failure(.notMet, "the model's losses are not finite numbers")
    }
    return result
  }
}
