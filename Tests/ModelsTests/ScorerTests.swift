import Bytes
import Checkpoints
import ModelSupport
import Models
import Numerics
import Testing

/// Scoring on fixtures; for the limits see `relativeDeviation`.
@Suite struct ScorerTests {
  @Test(arguments: RandomModel.designs)
  func cachedAndComputedPromptsScoreAlike(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 21, configuration: c)
    let ids = RandomModel.sequences(3, length: 17, seed: 22)
    let prompt = RandomModel.prompt(7, seed: 23)
    let cached = mean(try model.nll(sequences: ids, prompt: prompt))
    let computed = try model.promptGradient(sequences: ids, prompt: prompt).loss
    #expect(abs(cached - computed) <= 1e-5 * computed)
    let without = mean(try model.nll(sequences: ids))
    #expect(abs(cached - without) > 1e-3, "the prompt should change the loss")
  }

  /// After a soft prompt made of a text's token embeddings, the rest is scored as within the whole
  /// text.
  @Test(arguments: RandomModel.designs)
  func aPromptOfEmbeddingsScoresLikeItsText(_ c: ModelConfiguration) throws {
    let model = try RandomModel.make(seed: 24, configuration: c)
    let text = RandomModel.sequences(1, length: 20, seed: 25)[0]
    let whole = try model.nll(sequences: [text])[0]
    let prompt = try model.embed(Array(text[..<8]))
    let rest = try model.nll(sequences: [Array(text[8...])], prompt: prompt)[0]
    #expect(rest.count == 11)
    #expect(relativeDeviation(rest, Array(whole[8...])) <= 1e-5)
  }

  @Test func sequencesOfAnyLengthKeepTheirOrder() throws {
    let model = try RandomModel.make(seed: 26)
    let scorer = try Scorer(model, prompt: RandomModel.prompt(2, seed: 27))
    let mixed = [9, 9, 4, 1, 0, 9].enumerated().map {
      Array(RandomModel.sequences(1, length: max(1, $1), seed: UInt64($0))[0].prefix($1))
    }
    let together = try scorer.nll(mixed)
    #expect(together.map(\.count) == [8, 8, 3, 0, 0, 8])
    for (sequence, losses) in zip(mixed, together) where !losses.isEmpty {
      #expect(relativeDeviation(try scorer.nll([sequence])[0], losses) <= 1e-5)
    }
  }

  @Test func invalidIDsAndPositionsAreRefused() throws {
    let model = try RandomModel.make(seed: 28)
    func failure(_ body: () throws -> Void) -> Failure? {
      do { try body() } catch { return error as? Failure }
      return nil
    }
    #expect(failure { _ = try model.nll(sequences: [[1, 53]]) }?.finding.contains("53") == true)
    #expect(failure { _ = try model.nll(sequences: [[-1, 2]]) }?.kind == .usage)
    #expect(
      failure { _ = try Scorer(model, prompt: Tensor([2, 25])) }?.finding.contains("25") == true)
    #expect(failure { _ = try model.greedy([], maxTokens: 1) }?.kind == .usage)
    #expect(
      failure {
        _ = try model.promptGradient(sequences: [[1, 2], [1]], prompt: Tensor([2, 24]))
      }?.kind == .usage)
    var sliding = RandomModel.configuration
    sliding.slidingWindow = 12
    let narrow = try RandomModel.make(seed: 28, configuration: sliding)
    let (fits, tooLong) = (
      RandomModel.sequences(1, length: 12, seed: 1), RandomModel.sequences(1, length: 13, seed: 1)
    )
    #expect(failure { _ = try narrow.nll(sequences: fits) } == nil)
    #expect(
      failure { _ = try narrow.nll(sequences: tooLong) }?.finding.contains("window of 12") == true)
    var few = RandomModel.opt
    few.maximumPositions = 12
    let learned = try RandomModel.make(seed: 28, configuration: few)
    #expect(failure { _ = try learned.nll(sequences: fits) } == nil)
    #expect(failure { _ = try learned.residual(of: tooLong) }?.kind == .usage)
    #expect(
      failure { _ = try learned.nll(sequences: tooLong) }?.finding.contains("has learned 12")
        == true)
    let prompt = RandomModel.prompt(1, seed: 2)
    #expect(failure { _ = try learned.nll(sequences: fits, prompt: prompt) }?.kind == .usage)
  }
}
