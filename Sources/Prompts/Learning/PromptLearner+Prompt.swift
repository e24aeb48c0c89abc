import Bytes
import Models
import Numerics

/// Learners of soft prompts and adapters, made from settings.
extension PromptLearner {
  /// - Parameters:
  ///   - start: an adapter of the same kind and size to begin from; nil for the settings' own start.
  ///   - budget: for the backward pass; changes the time taken, never the numbers.
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

  /// A learner that goes on from a saved state, with the settings and texts of the run that made it.
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
