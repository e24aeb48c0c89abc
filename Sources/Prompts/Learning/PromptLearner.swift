import Bytes
import Foundation
import Models
import Numerics

/// A trainer for a prompt or another adapter of a frozen model. The loss is propagated back through
/// the model's weights (dense or packed) to the adapter's parameters alone, and the parameters with
/// the best validation perplexity are kept (arXiv 2305.11186 §3–4).
///
/// The state can be saved between any two steps; a learner resumed from it ends with the same bits.
package struct PromptLearner {
  /// The result of one step.
  package struct Report: Sendable {
    /// Steps done, including this one.
    package let step: Int
    /// Steps in total.
    package let steps: Int
    /// Mean loss of the step's batches before the update, in nats per scored token.
    package let loss: Double
    /// Norm of the gradient before clipping.
    package let gradientNorm: Double
    package let learningRate: Double
    /// Perplexity on the validation windows after this step; nil if it wasn't measured.
    package let validation: Double?
    /// The lowest validation perplexity so far.
    package let best: Double
  }

  /// The texts to learn from and to choose the best parameters by.
  package struct Texts {
    /// Tokens of the training text.
    package var training: [Int32]
    /// Tokens of a text held out from training.
    package var validation: [Int32]
    /// The teacher; required if the settings give it a share of the loss.
    package var teacher: TeacherSource?

    package init(training: [Int32], validation: [Int32], teacher: TeacherSource? = nil) {
      self.training = training
      self.validation = validation
      self.teacher = teacher
    }
  }

  /// The time spent by this learner, in seconds.
  package struct Seconds: Sendable {
    /// Forward and backward passes and updates.
    package internal(set) var updates = 0.0
    /// Forward passes of the teacher, or reads from its cache.
    package internal(set) var teacher = 0.0
    /// Measurements on the validation text.
    package internal(set) var validation = 0.0
  }

  package let settings: PromptSettings
  package internal(set) var state: State
  package private(set) var seconds = Seconds()
  let learnable: any Learnable
  /// Receives the number of validation windows done within a measurement, which takes many times as
  /// long as a step. An error that it throws ends the step, which can be repeated from the state
  /// before it.
  let progress: ProgressHandler
  private var windows: TrainingWindows
  private let teacher: TeacherSource?
  let validation: [[Int32]]

  /// A learner before its first step, after measuring the start on the validation text.
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

  /// A learner that resumes from `state`. Settings and texts must be those of the run that saved
  /// it.
  package init(
    _ learnable: any Learnable, settings: PromptSettings, texts: Texts, state: State,
    progress: ProgressHandler = .none
  ) throws(Failure) {
    try settings.check()
    guard state.parameters.count == learnable.parameterCount else {
      throw Failure(
        .invalidData,
        "the start has \(state.parameters.count) parameters, the adapter"
          + " \(learnable.parameterCount)", advice: "start the learning again")
    }
    guard settings.teacherShare == 0 || texts.teacher != nil else {
      throw Failure(.usage, "the objective needs a teacher, but there is none")
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

  /// Whether learning ended before all steps were done, because measurements stopped improving.
  package var isStoppedEarly: Bool {
    settings.patience > 0 && state.measurementsSinceBest >= settings.patience
      && state.step < settings.steps
  }

  /// Whether no steps are left, because all are done or learning ended early.
  package var isDone: Bool { state.step >= settings.steps || isStoppedEarly }

  /// Runs one batch (or several, accumulated), one update, and a measurement if one is due.
  ///
  /// - Throws: `notMet` if the loss or the gradient is no longer a finite number, `invalidData` if
  ///   that is due to a tensor of the model or of the teacher.
  package mutating func step() throws(Failure) -> Report {
    precondition(!isDone, "all steps are done")
    let (begin, asked) = (ContinuousClock.now, seconds.teacher)
    let (loss, gradient) = try accumulatedGradient()
    let norm = gradient.norm
    guard loss.isFinite, norm.isFinite else {
      throw learnable.model.damagedTensor() ?? teacher?.damagedTensor()
        ?? diverged(at: state.step + 1, "the loss or its gradient is no longer a finite number")
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

  /// The failure of learning whose numbers left their range before step `step` was done.
  func diverged(at step: Int, _ finding: String) -> Failure {
    Failure(
      .notMet, at: "step \(step)", finding,
      advice: "lower the learning rate (\(settings.learningRate))")
  }

  /// The mean loss and gradient over the batches of one update.
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

  /// Runs all remaining steps and returns the best parameters. To save states between steps, call
  /// `step`.
  @discardableResult
  package mutating func run() throws(Failure) -> [Float] {
    while !isDone { _ = try step() }
    return state.best
  }
}
