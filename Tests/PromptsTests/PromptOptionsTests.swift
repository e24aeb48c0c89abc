import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import TestSupport
import Testing

/// Options of the learner: accumulation, a sink, patience, starts and a pool of windows.
@Suite struct PromptOptionsTests {
  let model: LanguageModel
  let texts: PromptLearner.Texts
  var settings = PromptSettings()

  init() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    model = try LanguageModel(source: Checkpoint.open(folder))
    texts = PromptLearner.Texts(
      training: PromptLearnerTests.text(700, seed: 1),
      validation: PromptLearnerTests.text(100, seed: 2))
    (settings.tokens, settings.steps, settings.batch, settings.length) = (6, 10, 4, 20)
    (settings.learningRate, settings.warmupSteps) = (0.05, 2)
    (settings.validationEvery, settings.validationWindows, settings.seed) = (5, 4, 9)
  }

  func learned(_ settings: PromptSettings) throws -> PromptLearner {
    var learner = try PromptLearner(prompt: settings, for: model, texts: texts)
    try learner.run()
    return learner
  }

  /// Two batches of 2 equal one batch of 4, except for the order of float32 sums. An outcome after
  /// ten steps on a fixture: AdamW divides small gradients by their size, which magnifies their
  /// rounding errors.
  @Test func accumulatedBatchesEqualOneBatch() throws {
    var parts = settings
    (parts.batch, parts.accumulation) = (2, 2)
    let (whole, summed) = (try learned(settings), try learned(parts))
    for (a, b) in zip(whole.state.losses, summed.state.losses) { #expect(abs(a - b) < 1e-4) }
    let largest = whole.state.best.reduce(0) { max($0, abs($1)) }
    for (a, b) in zip(whole.state.best, summed.state.best) {
      #expect(abs(a - b) < 1e-2 * largest)
    }
    #expect(whole.state.position == summed.state.position)
  }

  @Test func aSinkStaysFrozen() throws {
    var settings = settings
    settings.sink = 17
    settings.weightDecay = 0.1
    let prompt = try learned(settings).best.parameters
    #expect(prompt.rows == 6)
    #expect(try prompt.rows(0..<1).values == model.embed([17]).values)
    let first = try settings.start(for: model, trainingIDs: texts.training)
    #expect(first.rows == 5)
    #expect(prompt.rows(1..<6).values != first.values)
    settings.tokens = 1
    #expect(throws: Failure.self) { try settings.check() }
  }

  /// With a learning rate that ruins a learned prompt, measurements stop improving, and learning
  /// ends `patience` measurements after the best one, or with the last step if patience is 0.
  @Test func learningEndsWhenMeasurementsStopImproving() throws {
    var settings = settings
    settings.steps = 40
    let start = try learned(settings).best.parameters
    (settings.learningRate, settings.validationEvery) = (50, 1)
    for patience in [3, 0] {
      settings.patience = patience
      var learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, start: .prompt(start))
      try learner.run()
      let (step, best, isStopped) = (
        learner.state.step, learner.state.bestStep, learner.isStoppedEarly
      )
      #expect(step == (patience > 0 ? best + patience : 40))
      #expect(isStopped == (patience > 0))
    }
  }

  @Test func startsAreTheEmbeddingsOfTheirTokens() throws {
    var settings = settings
    settings.initialisation = .first
    #expect(
      try settings.start(for: model, trainingIDs: []).values
        == model.embed([0, 1, 2, 3, 4, 5]).values)
    settings.initialisation = .given
    #expect(throws: Failure.self) { try settings.start(for: model, trainingIDs: []) }
    settings.startIDs = [7, 3]
    #expect(
      try settings.start(for: model, trainingIDs: []).values
        == model.embed([7, 3, 7, 3, 7, 3]).values)
  }

  @Test func everyEpochDrawsFromThePool() throws {
    var windows = try TrainingWindows(ids: texts.training, length: 20, seed: 3, pool: 5)
    let pool = Set(windows.poolStarts)
    #expect(pool.count == 5)
    var epochs: [[Int]] = []
    for _ in 0..<3 { epochs.append((0..<5).map { _ in windows.nextStart() }) }
    #expect(epochs.allSatisfy { Set($0) == pool })
    #expect(Set(epochs).count > 1)
  }
}
