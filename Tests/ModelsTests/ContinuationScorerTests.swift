import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import Testing

/// Continuations scored with shared beginnings, against each text alone without a cache.
@Suite struct ContinuationScorerTests {
  /// Questions with choices of several lengths, a question whose contexts differ, and a single text.
  static let groups: [[ScoredTokens]] = {
    func ids(_ length: Int, _ seed: UInt64) -> [Int32] {
      RandomModel.sequences(1, length: length, seed: seed)[0]
    }
    func choices(_ context: [Int32], _ lengths: [Int], _ seed: UInt64) -> [ScoredTokens] {
      lengths.enumerated().map { index, length in
        ScoredTokens(
          ids: context + ids(length, seed + UInt64(index)), firstScored: context.count)
      }
    }
    let start = ids(4, 90)
    let first = choices(ids(9, 91), [3, 1, 5, 3], 100)
    let single = choices(ids(6, 92), [1, 1, 1], 110)
    // The options are in the contexts, and what is scored is the same.
    let rest = ids(4, 93)
    let partial = [2, 3].map { length in
      ScoredTokens(
        ids: start + ids(length, 120 + UInt64(length)) + rest, firstScored: 4 + length)
    }
    return [
      first, single, partial, choices(ids(12, 94), [4], 130), choices(ids(1, 95), [2, 6], 140),
    ]
  }()

  /// The score of a text by one pass over all of it, of the tokens that count.
  private func alone(_ text: ScoredTokens, _ scorer: Scorer) throws -> Double {
    let losses = try scorer.nll([text.ids])[0]
    return -losses[(text.firstScored - 1)...].reduce(0) { $0 + Double($1) }
  }

  private func scores(
    _ groups: [[ScoredTokens]], _ scorer: ContinuationScorer
  ) throws -> [[ContinuationScore]] {
    var scores: [[ContinuationScore]] = []
    while scores.count < groups.count { scores += try scorer.scoreFirst(groups[scores.count...]) }
    return scores
  }

  private func check(
    _ groups: [[ScoredTokens]], _ scorer: ContinuationScorer, against plain: Scorer
  ) throws {
    let scores = try scores(groups, scorer)
    #expect(scores.map(\.count) == groups.map(\.count))
    for (group, found) in zip(groups, scores) {
      for (text, score) in zip(group, found) {
        let expected = try alone(text, plain)
        #expect(score.tokens == text.scored)
        #expect(
          abs(score.logLikelihood - expected) <= 2e-5 * (1 + abs(expected)),
          "\(score.logLikelihood), alone \(expected)")
      }
    }
  }

  @Test(arguments: RandomModel.designs)
  func choicesScoreAsTheyDoAlone(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 41, configuration: c)
    try check(
      Self.groups, try ContinuationScorer(model, adapter: nil), against: Scorer(model))
  }

  @Test(arguments: RandomModel.designs)
  func choicesScoreAsTheyDoAloneAfterAPrompt(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 42, configuration: c)
    let prompt = Adapter.prompt(RandomModel.prompt(5, seed: 43))
    let plain = try Scorer(model, adapter: prompt)
    try check(Self.groups, try ContinuationScorer(model, adapter: prompt), against: plain)
    let without = try alone(Self.groups[0][0], Scorer(model))
    #expect(try abs(alone(Self.groups[0][0], plain) - without) > 1e-3, "the prompt should matter")
  }

  /// Tokens at the beginning of all groups are computed once; the numbers don't depend on it.
  @Test(arguments: [0, 3]) func sharedTokensChangeNoScore(_ promptTokens: Int) throws {
    let model = try RandomModel.make(seed: 44)
    let examples = RandomModel.sequences(1, length: 11, seed: 45)[0]
    var groups = Self.groups.map { group in
      group.map { ScoredTokens(ids: examples + $0.ids, firstScored: 11 + $0.firstScored) }
    }
    let adapter =
      promptTokens == 0 ? nil : Adapter.prompt(RandomModel.prompt(promptTokens, seed: 46))
    let scorer = try ContinuationScorer(model, adapter: adapter)
    try scorer.share(groups)
    // A group that doesn't begin so, as if it were cut from the left, among those that do.
    groups.insert(Self.groups[0], at: 2)
    try check(groups, scorer, against: Scorer(model, adapter: adapter))
  }

  @Test func greedyMeansThatEachTokenIsTheLikeliest() throws {
    let model = try RandomModel.make(seed: 47)
    let context = RandomModel.sequences(1, length: 7, seed: 48)[0]
    // The likeliest three tokens, and the same with another last one.
    let best = try model.greedy(context, maxTokens: 3)
    #expect(best.count == 3)
    let other = Array(best[..<2]) + [(best[2] + 1) % 53]
    let scorer = try ContinuationScorer(model, adapter: nil, findsGreedy: true)
    let texts = [best, other, Array(best[..<1])].map {
      ScoredTokens(ids: context + $0, firstScored: 7)
    }
    let found = try scores([texts], scorer)[0].map(\.isGreedy)
    #expect(found == [true, false, true])
    let unasked = try scores([texts], try ContinuationScorer(model, adapter: nil))
    #expect(unasked[0].allSatisfy { $0.isGreedy == nil })
  }

  @Test func manyGroupsAreSplitIntoPasses() throws {
    let model = try RandomModel.make(seed: 49)
    let groups = (0..<40).flatMap { _ in Self.groups }
    let rows = Self.groups.reduce(0) { $0 + $1.reduce(0) { $0 + $1.ids.count } }
    #expect(40 * rows > 2 * ContinuationScorer.rowsPerPass, "not enough for several passes")
    let scorer = try ContinuationScorer(model, adapter: nil)
    let first = try scorer.scoreFirst(groups[...])
    #expect(first.count > 1 && first.count < groups.count)
    try check(groups, scorer, against: Scorer(model))
  }

  @Test func invalidIDsAndLongTextsAreRefused() throws {
    let model = try RandomModel.make(seed: 50)
    let scorer = try ContinuationScorer(model, adapter: nil)
    #expect(scorer.longestText == 129)
    let prompted = try ContinuationScorer(
      model, adapter: .prompt(RandomModel.prompt(5, seed: 51)))
    #expect(prompted.longestText == 124)
    // The last token is only predicted, and checked all the same.
    let outside = [[ScoredTokens(ids: [1, 2, 53], firstScored: 2)]]
    let failure = #expect(throws: Failure.self) { try scorer.scoreFirst(outside[...]) }
    #expect(failure?.kind == .usage && failure?.finding.contains("53") == true)
  }

  @Test func cuttingFromTheLeftKeepsWhatIsScored() {
    let text = ScoredTokens(ids: [1, 2, 3, 4, 5], firstScored: 3)
    #expect(text.last(9) == text)
    #expect(text.last(3) == ScoredTokens(ids: [3, 4, 5], firstScored: 1))
    #expect(text.last(2) == nil)
  }
}
