import Builds
import Bytes
import Checkpoints
import Evaluation
import Models
import Text

/// A measurement of a task outside a build: with a progress display, interruptible, and not saved.
package struct TaskMeasuring {
  private let items: TaskItems
  private let progress: BuildProgress

  /// Measures the task of `items`; progress is shown on `progress`.
  package init(_ items: TaskItems, progress: BuildProgress) {
    self.items = items
    self.progress = progress
  }

  /// Answers all items.
  /// - Throws: `invalidData` with the line of a row that the model can't be asked; `interrupted` between
  ///   two batches.
  package func run(
    _ model: LanguageModel, _ tokenizer: Tokenizer, prompt: TaskPrompt = .none, label: String
  ) throws -> TaskMeasurement {
    try progress.alone(label, unit: "row", unlessDone: "nothing was measured") { progress in
      try progress.report(0, of: items.items.count)
      var run = try TaskRun(
        items, model: model, tokenizer: TaskTokenizer(tokenizer, for: model.configuration),
        prompt: prompt)
      return try run.run(progress: progress)
    }
  }
}
