import Bytes
import Foundation
import Models

extension PromptLearner {
  /// Adds a measurement to the curve, and keeps the parameters if they are the best so far.
  mutating func record(validation value: Double) {
    state.curve.append(State.Point(step: state.step, perplexity: value))
    guard value < state.bestPerplexity || state.best.isEmpty else { return }
    state.best = state.parameters
    state.bestPerplexity = value
    state.bestStep = state.step
  }

  /// The perplexity of the validation windows with the adapter of `parameters`, or without an
  /// adapter if nil. Every token but the first of each window is scored.
  /// - Throws: `invalidData` if a loss or the perplexity isn't finite; `notMet` if that is due to
  ///   the steps.
  func perplexity(of parameters: [Float]?) throws(Failure) -> Double {
    do throws(Failure) {
      let value = try meanPerplexity(of: parameters)
      if value.isFinite { return value }
      throw Failure(
        .invalidData, "the perplexity of the validation text is beyond the range of float64",
        advice: "check that the text and the model belong together", reason: .notFinite)
    } catch {
      guard error.reason == .notFinite, parameters != nil, state.step > 0 else { throw error }
      throw diverged(at: state.step, "the loss of the validation text is no longer finite")
    }
  }

  private func meanPerplexity(of parameters: [Float]?) throws(Failure) -> Double {
    let scorer: Scorer
    if let parameters {
      scorer = try learnable.scorer(with: parameters)
    } else {
      scorer = try Scorer(learnable.model)
    }
    // Half the rows of a measurement on its own, because the buffers of the steps are in memory
    // too.
    let windowsPerPass = max(1, Scorer.rowsPerPass / 2 / settings.length)
    var (sum, count) = (0.0, 0)
    for start in stride(from: 0, to: validation.count, by: windowsPerPass) {
      try progress.report(start, of: validation.count)
      let end = min(start + windowsPerPass, validation.count)
      for loss in try scorer.nll(Array(validation[start..<end])).joined() {
        sum += Double(loss)
        count += 1
      }
    }
    return exp(sum / Double(count))
  }
}
