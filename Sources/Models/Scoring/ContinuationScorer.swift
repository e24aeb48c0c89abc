import Bytes
import Checkpoints
import Numerics

/// A scorer of the likelihood of continuations, such as the choices of a question.
///
/// Texts of a group have rows of their own only where they differ: their common beginning is computed
/// once. Groups are put into one pass side by side, and what all of them begin with (`share`), such as
/// a prompt or examples, is computed once for all passes. Not thread-safe.
package final class ContinuationScorer {
  /// Rows of one pass, which may be exceeded by a single group.
  package static let rowsPerPass = 768

  private let model: LanguageModel
  private let start: PromptStart
  private let chooser: (any PromptChooser)?
  /// Keys and values of the prompt; with a chooser, of the one chosen last.
  private let base: KeyValueCache
  /// Tokens that most texts begin with, after the prompt.
  private var shared: [Int32] = []
  /// Keys and values of the prompt and the shared tokens; nil without any.
  private var extended: KeyValueCache?
  private var rotary: RotaryTable?
  /// Whether to find out if the scored tokens are the likeliest ones.
  private let findsGreedy: Bool
  /// The prompt chosen for each group so far; empty without a chooser.
  package private(set) var choices: [PromptChoice] = []

  /// - Parameter adapter: learned parameters beside the frozen model; nil for none.
  /// - Throws: `usage` if it isn't for this model.
  package init(
    _ model: LanguageModel, adapter: Adapter?, findsGreedy: Bool = false
  ) throws(Failure) {
    let (adapted, start) = try adapter?.attached(to: model) ?? (model, .none)
    self.model = adapted
    self.start = start
    self.findsGreedy = findsGreedy
    chooser = nil
    base = try start.cache(for: adapted)
  }

  /// Makes a scorer that gives each group the prompt that `chooser` chooses by its context.
  package init(_ model: LanguageModel, chooser: any PromptChooser, findsGreedy: Bool = false) {
    self.model = model
    self.findsGreedy = findsGreedy
    self.chooser = chooser
    start = .none
    base = KeyValueCache(model.configuration, capacity: chooser.longest)
  }

  /// The most tokens of a text: those that the model was made for, less the prompt's rows, and one that
  /// is predicted only.
  package var longestText: Int {
    let c = model.configuration
    let positions = min(c.maximumPositions, c.positionLimit ?? .max)
    return positions - (chooser?.longest ?? start.count) + 1
  }

  /// Computes once the tokens that all of `groups` begin with. Groups that don't are still scored, only
  /// not as fast.
  package func share(_ groups: [[ScoredTokens]]) throws(Failure) {
    guard chooser == nil else { return }
    // The token before the first scored one keeps its row, which predicts it.
    let contexts = groups.flatMap { $0.map { $0.ids[..<($0.firstScored - 1)] } }
    guard contexts.count > 1 else { return }
    shared = Array(contexts[0].prefix(TokenTree.common(contexts)))
    guard !shared.isEmpty else { return }
    try model.check(shared)
    let cache = try start.cache(for: model, room: shared.count)
    let plan = try RowPlan(
      model.configuration, prefix: cache.count, sequences: 1, length: shared.count,
      cachedPrefix: true)
    cache.reserve(plan.keyRows)
    let pass = ForwardPass(model, plan: plan, cache: cache)
    pass.enter(shared)
    try pass.run(cache: cache)
    cache.keep(plan.keyRows)
    extended = cache
  }

  /// Scores the first groups of `groups`, as many as fit one pass and at least one; returns the scores
  /// of each group's texts.
  /// - Throws: `usage` if an id is outside the vocabulary or a text is too long; `invalidData` if a
  ///   number isn't finite, with the tensor or the layer and position that cause it.
  package func scoreFirst(
    _ groups: ArraySlice<[ScoredTokens]>
  ) throws(Failure) -> [[ContinuationScore]] {
    guard let first = groups.first else { return [] }
    let isShared = begins(first)
    var trees: [TokenTree] = []
    var rows = 0
    for group in groups {
      guard trees.isEmpty || (chooser == nil && begins(group) == isShared) else { break }
      let tree = TokenTree(
        isShared ? group.map { $0.last($0.ids.count - shared.count) ?? $0 } : group)
      if !trees.isEmpty, rows + tree.rows > Self.rowsPerPass { break }
      trees.append(tree)
      rows += tree.rows
    }
    if let chooser {
      let context = first[0].ids[..<first.map(\.firstScored).reduce(first[0].firstScored, min)]
      choices.append(try chooser.choose(for: Array(context), into: base))
    }
    return try score(trees, after: isShared ? extended ?? base : base)
  }

  /// Whether all texts of a group begin with the shared tokens, and are scored later only.
  private func begins(_ group: [ScoredTokens]) -> Bool {
    !shared.isEmpty
      && group.allSatisfy { $0.firstScored > shared.count && $0.ids.starts(with: shared) }
  }

  private func score(
    _ trees: [TokenTree], after cache: KeyValueCache
  ) throws(Failure) -> [[ContinuationScore]] {
    let c = model.configuration
    let ids = trees.flatMap(\.ids)
    try model.check(trees.flatMap { $0.texts.flatMap(\.ids) })
    let positions = cache.count + (trees.map(\.positions).max() ?? 0)
    try c.checkPositions(positions)
    let plan = RowPlan(
      c, positions: trees.flatMap { $0.rowPositions(from: cache.count) },
      rotary: rotaryTable(positions))
    let pass = ForwardPass(model, plan: plan)
    pass.enter(ids)
    var starts: [Int] = []
    var next = 0
    for tree in trees {
      starts.append(next)
      next += tree.rows
    }
    try pass.run { [starts, arithmetic = model.arithmetic] activations, layer in
      let known = cache.rows(cache.count, layer: layer)
      let (q, k, v, out) = (activations.q, activations.k, activations.v, activations.attended)
      Parallel.forEach(trees.count) { index in
        let tree = trees[index]
        let rows = starts[index]..<starts[index] + tree.rows
        tree.attend(
          c, known: known, q: q.rows(rows), k: k.rows(rows), v: v.rows(rows), into: out.rows(rows),
          arithmetic: arithmetic)
      }
      return true
    }
    return try scores(of: trees, starts, pass)
  }

  /// The scores of all texts, from the pass's output.
  private func scores(
    of trees: [TokenTree], _ starts: [Int], _ pass: ForwardPass
  ) throws(Failure) -> [[ContinuationScore]] {
    var rows: [Int] = []
    var targets: [Int32] = []
    for (tree, start) in zip(trees, starts) {
      rows += tree.predictingRows.joined().map { start + $0 }
      targets += tree.texts.flatMap { $0.ids[$0.firstScored...] }
    }
    let all = try pass.hidden(0..<pass.plan.rows)
    let hidden = Tensor([rows.count, all.columns])
    for (place, row) in rows.enumerated() {
      hidden.rows(place..<place + 1).copy(from: all.rows(row..<row + 1))
    }
    // In float32, as in `Scorer`.
    let losses = CrossEntropy.loss(hidden: hidden, head: model.head, targets: targets)
    if let bad = losses.firstNonFinite {
      throw model.notFinite(
        at: "output layer, position \(pass.plan.positions[rows[bad]])",
        "the loss of the next token is \(losses[bad])")
    }
    let likeliest = findsGreedy ? TopTokens.run(hidden: hidden, head: model.head, k: 1).ids : nil
    var next = 0
    return trees.map { tree in
      tree.texts.map { text in
        let range = next..<next + text.scored
        next = range.upperBound
        return ContinuationScore(
          logLikelihood: -losses[range].reduce(0) { $0 + Double($1) }, tokens: range.count,
          isGreedy: likeliest.map { $0[range] == targets[range] })
      }
    }
  }

  /// A table of rotary embeddings for at least `positions` positions; nil if the model's aren't rotary.
  private func rotaryTable(_ positions: Int) -> RotaryTable? {
    if let rotary, rotary.positions >= positions { return rotary }
    var size = 256
    while size < positions { size *= 2 }
    rotary = model.configuration.rotaryTable(positions: size)
    return rotary
  }
}
