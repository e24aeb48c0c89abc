import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import Synchronization
import TestSupport
import Testing

@Suite struct PromptLearnerTests {
  let model: LanguageModel
  let training: [Int32]
  let validation: [Int32]
  var settings = PromptSettings()

  /// A text with a pattern that a prompt can convey to the model: a fixed cycle of few tokens, with
  /// noise.
  static func text(_ count: Int, seed: UInt64) -> [Int32] {
    var random = TestRandom(fixture: seed)
    return (0..<count).map { Int32(random.below(10) == 0 ? random.below(131) : 11 + 7 * ($0 % 5)) }
  }

  init() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    model = try LanguageModel(source: Checkpoint.open(folder))
    training = Self.text(700, seed: 1)
    validation = Self.text(100, seed: 2)
    (settings.tokens, settings.steps, settings.batch, settings.length) = (6, 40, 3, 20)
    (settings.learningRate, settings.warmupSteps) = (0.05, 4)
    (settings.validationEvery, settings.validationWindows, settings.seed) = (10, 4, 9)
  }

  var texts: PromptLearner.Texts {
    PromptLearner.Texts(training: training, validation: validation)
  }

  func learner(_ settings: PromptSettings) throws -> PromptLearner {
    try PromptLearner(prompt: settings, for: model, texts: texts)
  }

  @Test(arguments: PromptSettings.Initialisation.allCases)
  func learningLowersTheValidationPerplexity(_ initialisation: PromptSettings.Initialisation) throws
  {
    var settings = settings
    settings.initialisation = initialisation
    settings.startIDs = [11, 18, 25]
    var learner = try learner(settings)
    let start = learner.state.bestPerplexity
    var steps: [Int] = []
    while !learner.isDone { steps.append(try learner.step().step) }
    let best = learner.state.best
    print(
      "\(initialisation): \(learner.state.validationWithoutPrompt) \(start) → \(learner.state.bestPerplexity)"
    )
    #expect(steps == Array(1...40))
    // An outcome of these texts and this seed.
    #expect(learner.state.bestPerplexity < 0.8 * start)
    #expect(learner.state.curve.map(\.step) == [0, 10, 20, 30, 40])
    #expect(learner.state.bestPerplexity == learner.state.curve.map(\.perplexity).min())
    #expect(best == learner.state.best)
  }

  /// If learning starts from a learned prompt and the learning rate ruins it, the start stays the
  /// best.
  @Test func theBestIsKeptNotTheLast() throws {
    var first = try learner(settings)
    try first.run()
    let learned = try first.best.parameters
    var settings = settings
    (settings.learningRate, settings.steps, settings.validationEvery) = (50, 10, 1)
    var second = try PromptLearner(
      prompt: settings, for: model, texts: texts, start: .prompt(learned))
    let keepsTheStart = try second.run() == learned.values
    #expect(keepsTheStart)
    #expect(second.state.bestStep == 0)
    #expect(second.state.bestPerplexity == first.state.bestPerplexity)
    let moved = second.state.parameters != learned.values
    #expect(moved)
  }

  @Test(arguments: Optimiser.Kind.allCases)
  func resumedRunsEndWithTheSameBits(_ optimiser: Optimiser.Kind) throws {
    var settings = settings
    (settings.optimiser, settings.accumulation) = (optimiser, 2)
    (settings.steps, settings.validationEvery) = (7, 3)
    var whole = try learner(settings)
    var saved = [whole.state.bytes]
    while !whole.isDone {
      _ = try whole.step()
      saved.append(whole.state.bytes)
    }
    for bytes in saved {
      var resumed = try PromptLearner(
        prompt: settings, for: model, texts: texts, saved: ByteSlice(bytes), budget: .minimal)
      #expect(resumed.state.bytes == bytes)
      _ = try resumed.run()
      #expect(resumed.state == whole.state)
    }
  }

  /// A stop during a measurement ends the step; a run resumed from the state before it ends with
  /// the same bits.
  @Test func aStopDuringAMeasurementCostsOneStep() throws {
    var settings = settings
    (settings.steps, settings.validationEvery) = (4, 2)
    (settings.length, settings.validationWindows) = (30, 3)
    var whole = try learner(settings)
    let start = whole.state
    _ = try whole.run()
    let calls = Mutex(0)
    func stopped(at call: Int) throws -> PromptLearner.State {
      calls.withLock { $0 = 0 }
      var learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, saved: ByteSlice(start.bytes),
        progress: ProgressHandler(stop: { () throws(Failure) in
          let count = calls.withLock { (value: inout Int) -> Int in
            value += 1
            return value
          }
          if count == call { throw Failure(.interrupted, "stopped") }
        }))
      var last = learner.state
      do {
        while !learner.isDone {
          _ = try learner.step()
          last = learner.state
        }
        Issue.record("the run was not stopped")
      } catch {
        #expect(error.kind == .interrupted)
      }
      return last
    }
    for (call, steps) in [(1, 1), (2, 3)] {
      let state = try stopped(at: call)
      #expect(state.step == steps)
      var resumed = try PromptLearner(
        prompt: settings, for: model, texts: texts, saved: ByteSlice(state.bytes))
      _ = try resumed.run()
      #expect(resumed.state == whole.state)
    }
  }

  @Test func damagedStatesAreRefused() throws {
    let bytes = try learner(settings).state.bytes
    func isRefused(_ bytes: [UInt8]) -> Bool {
      do {
        _ = try PromptLearner.State(
          parsing: ByteSlice(bytes), .adamw,
          shapes: [MatrixShape(rows: 6, columns: model.configuration.embeddingSize)])
      } catch {
        return error.kind == .invalidData
      }
      return false
    }
    for count in [0, 7, 23, 24, 100, bytes.count - 1] { #expect(isRefused(Array(bytes[..<count]))) }
    #expect(isRefused(bytes + [0]))
    for offset in [0, 8, 16, 23, 24, 40] {
      var wrong = bytes
      wrong[offset] ^= 0x55
      #expect(isRefused(wrong), "byte \(offset)")
    }
  }

  @Test func theSeedDecidesTheStart() throws {
    var settings = settings
    let first = try settings.start(for: model, trainingIDs: training).values
    #expect(try settings.start(for: model, trainingIDs: training).values == first)
    settings.seed += 1
    #expect(try settings.start(for: model, trainingIDs: training).values != first)
    settings.initialisation = .vocabulary
    #expect(try settings.start(for: model, trainingIDs: []).rows == 6)
    settings.initialisation = .text
    #expect { _ = try settings.start(for: model, trainingIDs: [1, 2]) } throws: {
      ($0 as? Failure)?.kind == .usage
    }
  }
}
