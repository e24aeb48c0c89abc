import BundleFormat
import Bytes
import Models
import Numerics

/// A measurement of perplexity, window by window, which can be stopped and resumed between windows.
package struct PerplexityMeter {
  /// The sums of a measurement so far. A measurement resumed from them with the same settings ends
  /// with the same bits.
  package struct State: Sendable, Equatable, Codable {
    /// Number of windows scored.
    package var windows = 0
    package var sums = ScoreSums()
    /// Sum of the scored losses of each window, in nats: what a paired comparison needs.
    package var windowSums: [Double] = []
    /// Number of windows per prompt, if a prompt is chosen for each window.
    package var routed: [Int]?

    package init() {}

    /// Perplexity of the windows scored so far.
    package var runningPerplexity: Double {
      Perplexity(protocolID: "", sums: sums, tokens: 0, windows: windows, prompt: nil).value
    }
  }

  package let rule: PerplexityProtocol
  /// Total number of windows to score.
  package let windows: Int
  package private(set) var state: State
  /// Output head [V, e] of the model.
  package let head: Weight
  private let ids: [Int32]
  private let bos: Int32?
  private let promptName: String?
  /// The choice among prompts, with no windows counted; nil if there is no choice.
  private let routed: ChoiceRecord?
  private let scorer: Scorer

  /// - Parameters:
  ///   - ids: the whole text's tokens, without BOS.
  ///   - limit: maximum number of windows to score, from the start of the text; nil for all.
  ///   - bos: the token that the vocabulary puts before a text; nil for none.
  ///   - prompt: a soft prompt before every window, or another adapter, and its name. The same
  ///     tokens are scored as without it.
  ///   - state: the state in which an earlier run of the same measurement stopped.
  /// - Throws: `usage` if the text is shorter than one window or the prompt doesn't fit the model,
  ///   `invalidData` if `state` is of another measurement.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol = .standard,
    limit: Int? = nil, bos: Int32? = nil, prompt: (name: String, adapter: Adapter)? = nil,
    state: State = State()
  ) throws(Failure) {
    try self.init(
      scorer: Scorer(model, adapter: prompt?.adapter), head: model.head, ids: ids, rule: rule,
      limit: limit, bos: bos, promptName: prompt?.name, record: nil, state: state)
  }

  /// Starts or resumes a measurement in which `chooser` chooses a prompt for each window.
  /// - Parameter record: the record of the choice: one share per prompt, in the chooser's order,
  ///   with no windows yet.
  package init(
    _ model: LanguageModel, ids: [Int32], rule: PerplexityProtocol, limit: Int?, bos: Int32?,
    chooser: any PromptChooser, record: ChoiceRecord, state: State
  ) throws(Failure) {
    try self.init(
      scorer: Scorer(model, chooser: chooser), head: model.head, ids: ids, rule: rule,
      limit: limit, bos: bos, promptName: "auto", record: record, state: state)
  }

  private init(
    scorer: Scorer, head: Weight, ids: [Int32], rule: PerplexityProtocol, limit: Int?,
    bos: Int32?, promptName: String?, record: ChoiceRecord?, state: State
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
      state.sums.count == state.windows * rule.targetsPerWindow,
      state.windowSums.count == state.windows
    else {
      throw Failure(
        .invalidData,
        "the stored measurement has \(state.sums.count) scored tokens in \(state.windows)"
          + " windows, which doesn't fit this protocol (\(rule.id), \(windows) windows)",
        advice: "measure again from the start")
    }
    self.head = head
    self.ids = ids
    self.bos = bos
    self.state = state
    self.promptName = promptName
    routed = record
    self.scorer = scorer
  }

  /// Whether all windows are scored.
  package var isDone: Bool { state.windows >= windows }

  /// Scores the next window.
  /// - Parameter inspect: receives the scored window before it is counted.
  /// - Throws: `invalidData` if a loss isn't finite, with the tensor, or the window, layer and
  ///   position that cause it; what `inspect` throws. The state stays as it was.
  package mutating func step(
    _ inspect: (ScoredWindow) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    precondition(!isDone, "all windows are scored")
    let ids = rule.window(state.windows, of: ids, bos: bos)
    let window: ScoredWindow
    do throws(Failure) {
      let (losses, hidden) = try scorer.scored(ids)
      // losses[i] is the loss of target i + 1, which row i predicts.
      let first = rule.firstTarget - 1
      window = ScoredWindow(
        index: state.windows, losses: Array(losses[first...]),
        hidden: hidden.rows(first..<losses.count))
      try inspect(window)
    } catch {
      throw error.inside("window \(state.windows)")
    }
    var sum = ScoreSums()
    sum.add(window.losses)
    state.sums.add(window.losses)
    state.windowSums.append(sum.sum)
    state.windows += 1
    guard let routed, let choice = scorer.choices[0] else { return }
    var counts = state.routed ?? [Int](repeating: 0, count: routed.shares.count)
    counts[choice.index] += 1
    state.routed = counts
  }

  /// The complete measurement, once `isDone`.
  /// - Throws: `invalidData` if the perplexity is beyond float64's range.
  package var finished: Perplexity {
    get throws(Failure) {
      precondition(isDone, "windows are left to score")
      let result = result
      try result.checkRange()
      return result
    }
  }

  /// The measurement of the windows scored so far; the complete one once `isDone`.
  package var result: Perplexity {
    Perplexity(
      protocolID: rule.id, sums: state.sums, windowSums: state.windowSums, tokens: ids.count,
      windows: state.windows, prompt: promptName, choice: choice)
  }

  private var choice: ChoiceRecord? {
    var choice = routed
    for (index, windows) in (state.routed ?? []).enumerated() {
      choice?.shares[index].windows = windows
    }
    return choice
  }

  /// Scores all remaining windows; returns the complete measurement.
  /// - Parameters:
  ///   - progress: called with the windows done and to do, after each.
  ///   - note: a short text about the state, passed on to `progress`.
  /// - Throws: `invalidData` if a loss or the perplexity isn't finite.
  package mutating func run(
    progress: ProgressHandler = .none, note: (State) -> String = { _ in "" }
  ) throws(Failure) -> Perplexity {
    while !isDone {
      try step()
      try progress.report(state.windows, of: windows, note(state))
    }
    return try finished
  }
}
