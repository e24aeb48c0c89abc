import Bytes
import Models
import Numerics

/// Learners created from prompt settings.
extension PromptLearner {
  /// A learner before its first step, after measuring the start on the validation text.
  ///
  /// - Parameters:
  ///   - start: an adapter of the same kind and size to start from; nil for the start in the
  ///     settings.
  ///   - budget: the memory for the backward pass; affects the time taken, not the results.
  package init(
    prompt settings: PromptSettings, for model: LanguageModel, texts: Texts,
    start: Adapter? = nil, budget: MemoryBudget = .standard, progress: ProgressHandler = .none
  ) throws(Failure) {
    try settings.check()
    let learnable = try settings.learnable(model, budget: budget)
    let first: [Float]
    if let start {
      first = try settings.parameters(of: start, for: model)
    } else {
      first = try settings.startingParameters(for: model, trainingIDs: texts.training)
    }
    try self.init(
      learnable, start: first, settings: settings, texts: texts, progress: progress)
  }

  /// A learner that resumes from a saved state. Settings and texts must be those of the run that
  /// saved it.
  package init(
    prompt settings: PromptSettings, for model: LanguageModel, texts: Texts, saved: ByteSlice,
    budget: MemoryBudget = .standard, progress: ProgressHandler = .none
  ) throws(Failure) {
    try settings.check()
    let learnable = try settings.learnable(model, budget: budget)
    try self.init(
      learnable, settings: settings, texts: texts,
      state: State(parsing: saved, settings.optimiser, shapes: learnable.shapes),
      progress: progress)
  }

  /// The adapter with the lowest validation perplexity; a prompt includes its sink.
  package var best: Adapter {
    get throws(Failure) { try learnable.adapter(with: state.best) }
  }
}
