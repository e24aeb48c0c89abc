import Bytes
import Foundation
import Models
import Numerics

/// Teaches a prompt, or another adapter, to repair a frozen model: the loss goes back through the
/// model's weights as they are (dense or packed) to the adapter's parameters alone, and those of
/// the best validation perplexity are kept (arXiv 2305.11186 §3–4).
///
/// Between any two steps the whole state can be saved; a learner resumed from it goes on to the
/// same bits.
package struct PromptLearner {
  /// What one step did.
  package struct Report: Sendable {
    /// Steps done, this one included.
    package let step: Int
    package let steps: Int
    /// Mean loss of the step's batches before the update, in nats.
    package let loss: Double
    /// Norm of the gradient before clipping.
    package let gradientNorm: Double
    package let learningRate: Double
    /// Perplexity on the validation windows where it was measured after this step.
    package let validation: Double?
    /// The lowest validation perplexity so far.
    package let best: Double
  }

  /// What is learned from, and what the best is chosen by.
  package struct Texts {
    /// Tokens of the training text, and of a text held out from it.
    package var training: [Int32]
    package var validation: [Int32]
    /// Needed where the settings give it a share.
    package var teacher: TeacherSource?

    package init(training: [Int32], validation: [Int32], teacher: TeacherSource? = nil) {
      self.training = training
      self.validation = validation
      self.teacher = teacher
    }
  }

  /// Where the time of this learner's steps went, in seconds.
  package struct Seconds: Sendable {
    /// Forward and backward passes and updates.
    package internal(set) var updates = 0.0
    /// What the teacher was asked, or read of its answers.
    package internal(set) var teacher = 0.0
    /// Measurements on the validation text.
    package internal(set) var validation = 0.0
  }

  package let settings: PromptSettings
  package internal(set) var state: State
  package private(set) var seconds = Seconds()
  let learnable: any Learnable
  /// Told the validation windows done within one measurement, which takes many times as long as a step. What
  /// it throws ends the step, to be done again from the state before it.
  let progress: ProgressHandler
  private var windows: TrainingWindows
  private let teacher: TeacherSource?
  let validation: [[Int32]]

  /// A learner at its start; measures the start on the validation text.
  ///
  /// - Parameter start: the parameters before the first step.
  package init(
    _ learnable: any Learnable, start: [Float], settings: PromptSettings, texts: Texts,
    progress: ProgressHandler = .none
  ) throws(Failure) {
    let optimiser = Optimiser(settings.optimiser, shapes: learnable.shapes)
    try self.init(
      learnable, settings: settings, texts: texts,
      state: State(parameters: start, optimiser: optimiser), progress: progress)
    let begin = ContinuousClock.now
    let (without, with) = (try perplexity(of: nil), try perplexity(of: start))
    seconds.validation += Self.seconds(since: begin)
    state.validationWithoutPrompt = without
    record(validation: with)
  }

  /// A learner that goes on from `state`, with the settings and texts of the run that made it.
  package init(
    _ learnable: any Learnable, settings: PromptSettings, texts: Texts, state: State,
    progress: ProgressHandler = .none
  ) throws(Failure) {
    try settings.check()
    guard state.parameters.count == learnable.parameterCount else {
      throw Failure(
        .invalidData,
        "there are \(state.parameters.count) numbers to start from, not"
          + " \(learnable.parameterCount)", advice: "start the learning again")
    }
    guard settings.teacherShare == 0 || texts.teacher != nil else {
      throw Failure(.usage, "the loss needs a teacher, and there is none")
    }
    self.learnable = learnable
    self.settings = settings
    self.state = state
    self.progress = progress
    teacher = settings.teacherShare > 0 ? texts.teacher : nil
    windows = try TrainingWindows(
      ids: texts.training, length: settings.length, seed: settings.seed,
      pool: settings.teacherPool, position: state.position)
    let count = min(settings.validationWindows, texts.validation.count / settings.length)
    guard count > 0 else {
      throw Failure(
        .usage,
        "the validation text has \(texts.validation.count) tokens, less than one window"
          + " of \(settings.length)", advice: "use a longer text or shorter windows")
    }
    validation = (0..<count).map {
      Array(texts.validation[$0 * settings.length..<($0 + 1) * settings.length])
    }
  }

  /// Whether the measurements stopped getting better before all steps were done.
  package var isStoppedEarly: Bool {
    settings.patience > 0 && state.measurementsSinceBest >= settings.patience
      && state.step < settings.steps
  }

  package var isDone: Bool { state.step >= settings.steps || isStoppedEarly }

  /// One batch (or a few, accumulated), one update, and a measurement where one is due.
  /// - Throws: `notMet` where the loss or the gradient is no longer a finite number.
  package mutating func step() throws(Failure) -> Report {
    precondition(!isDone, "all steps are done")
    let (begin, asked) = (ContinuousClock.now, seconds.teacher)
    let (loss, gradient) = try accumulatedGradient()
    let norm = gradient.norm
    guard loss.isFinite, norm.isFinite else {
      throw Failure(
        .notMet, at: "step \(state.step + 1)", "the loss is no longer a finite number",
        advice: "lower the learning rate (\(settings.learningRate))")
    }
    let rate = settings.learningRate(at: state.step)
    state.optimiser.update(
      &state.parameters, gradient: gradient,
      gradientScale: norm > settings.clipNorm ? settings.clipNorm / norm : 1,
      learningRate: rate, weightDecay: settings.weightDecay)
    state.step += 1
    state.position = windows.position
    state.losses.append(loss)
    seconds.updates += Self.seconds(since: begin) - (seconds.teacher - asked)

    var measured: Double?
    if state.step % settings.validationEvery == 0 || isDone {
      let begin = ContinuousClock.now
      let value = try perplexity(of: state.parameters)
      seconds.validation += Self.seconds(since: begin)
      record(validation: value)
      measured = value
    }
    return Report(
      step: state.step, steps: settings.steps, loss: loss, gradientNorm: norm,
      learningRate: rate, validation: measured, best: state.bestPerplexity)
  }

  /// Means over the batches of one update.
  private mutating func accumulatedGradient() throws(Failure) -> (Double, [Float]) {
    var (total, sum) = (0.0, [Float]())
    for _ in 0..<settings.accumulation {
      let starts = (0..<settings.batch).map { _ in windows.nextStart() }
      let sequences = starts.map { windows[$0] }
      let begin = ContinuousClock.now
      let target = try teacher?.target(
        sequences, starts: starts, vocabulary: learnable.model.configuration.vocabularySize,
        share: settings.teacherShare)
      seconds.teacher += Self.seconds(since: begin)
      let (loss, gradient) = try learnable.gradient(
        of: sequences, against: target ?? .tokens, at: state.parameters)
      total += loss
      if sum.isEmpty { sum = gradient } else { for i in sum.indices { sum[i] += gradient[i] } }
    }
    guard settings.accumulation > 1 else { return (total, sum) }
    let share = 1 / Float(settings.accumulation)
    for i in sum.indices { sum[i] *= share }
    return (total / Double(settings.accumulation), sum)
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .seconds(1)
  }

  /// The best parameters, all steps left having been done. To save states between steps, call `step`.
  @discardableResult
  package mutating func run() throws(Failure) -> [Float] {
    while !isDone { _ = try step() }
    return state.best
  }
}
