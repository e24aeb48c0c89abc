import Bytes
import Models
import Numerics

/// The prompts with which a task is put to a model.
package enum TaskPrompt: Sendable {
  case none
  case one(name: String, Adapter)
  /// A prompt that is chosen for each item by its context.
  case chosen(names: [String], any PromptChooser)

  /// The prompt's name; nil for none, "auto" for a choice.
  package var name: String? {
    switch self {
    case .none: nil
    case .one(let name, _): name
    case .chosen: "auto"
    }
  }
}

/// A measurement of a task on a model, batch by batch, which can be stopped and resumed between batches.
package struct TaskRun {
  package let items: TaskItems
  /// The outcomes so far, in the order of the rows.
  package private(set) var outcomes: [TaskOutcome]
  /// Items whose context is cut from the left to fit the model.
  package private(set) var truncated = 0
  private let model: LanguageModel
  private let tokenizer: TaskTokenizer
  private let prompt: TaskPrompt
  /// The texts to score of each item; empty for generated texts.
  private var groups: [[ScoredTokens]] = []
  private var scorer: ContinuationScorer?
  private var generator: TaskGenerator?

  /// - Parameter outcomes: those of an earlier run of the same measurement, which aren't computed again.
  /// - Throws: `usage` if the prompt isn't for this model; `invalidData` with the line of a row that the
  ///   model can't be asked, or if `outcomes` are of other rows.
  package init(
    _ items: TaskItems, model: LanguageModel, tokenizer: TaskTokenizer, prompt: TaskPrompt = .none,
    outcomes: [TaskOutcome] = []
  ) throws(Failure) {
    guard outcomes.count <= items.items.count,
      outcomes.map(\.row) == items.items.prefix(outcomes.count).map(\.row)
    else {
      throw Failure(
        .invalidData, "the stored outcomes are of other rows",
        advice: "measure again from the start")
    }
    self.items = items
    self.model = model
    self.tokenizer = tokenizer
    self.prompt = prompt
    self.outcomes = outcomes
    if items.task.outputType == .generated {
      let generator = try TaskGenerator(items.task, model, tokenizer, prompt)
      truncated = items.items.count { generator.isTruncated($0) }
      self.generator = generator
      return
    }
    let scorer: ContinuationScorer
    let findsGreedy = items.task.findsGreedy
    switch prompt {
    case .none: scorer = try ContinuationScorer(model, adapter: nil, findsGreedy: findsGreedy)
    case .one(_, let adapter):
      scorer = try ContinuationScorer(model, adapter: adapter, findsGreedy: findsGreedy)
    case .chosen(_, let chooser):
      scorer = ContinuationScorer(model, chooser: chooser, findsGreedy: findsGreedy)
    }
    for item in items.items {
      var isTruncated = false
      groups.append(try texts(of: item, most: scorer.longestText, &isTruncated))
      if isTruncated { truncated += 1 }
    }
    try scorer.share(groups)
    self.scorer = scorer
  }

  private func texts(
    of item: TaskItem, most: Int, _ isTruncated: inout Bool
  ) throws(Failure) -> [ScoredTokens] {
    var texts: [ScoredTokens] = []
    for (index, pair) in item.pairs.enumerated() {
      let text: ScoredTokens
      do throws(TemplateProblem) {
        text = try tokenizer.tokens(of: pair)
      } catch {
        throw failure(item, "choice \(index + 1): \(error.text)")
      }
      guard let fitting = text.last(most) else {
        throw failure(
          item,
          "choice \(index + 1) has \(text.scored) tokens, and the model has positions for \(most - 1)"
        )
      }
      if fitting.ids.count < text.ids.count { isTruncated = true }
      texts.append(fitting)
    }
    return texts
  }

  private func failure(_ item: TaskItem, _ finding: String) -> Failure {
    Failure(.invalidData, file: items.rows.file, at: "line \(item.line)", finding)
  }

  /// Whether all items are answered.
  package var isDone: Bool { outcomes.count >= items.items.count }

  /// Answers the next items, as many as are computed together.
  /// - Throws: `invalidData` if a number isn't finite, with the row's line and the tensor, or layer and
  ///   position, that cause it.
  package mutating func step() throws(Failure) {
    precondition(!isDone, "all items are answered")
    let first = outcomes.count
    let item = items.items[first]
    do throws(Failure) {
      if let generator {
        let batch = Array(items.items[first...].prefix(TaskGenerator.batch))
        for (item, text) in zip(batch, try generator.generate(batch)) {
          outcomes.append(TaskOutcome(item, items.task, generated: text))
        }
      } else if let scorer {
        for scores in try scorer.scoreFirst(groups[first...]) {
          let item = items.items[outcomes.count]
          outcomes.append(TaskOutcome(item, items.task, scores: scores))
        }
      }
    } catch {
      let place = error.place.map { ", " + $0 } ?? ""
      throw Failure(
        error.kind, file: error.file ?? items.rows.file,
        at: "rows from line \(item.line)" + place, error.finding, list: error.list,
        advice: error.advice, reason: error.reason)
    }
  }

  /// The results of the items answered so far.
  package var result: TaskMeasurement {
    let task = items.task
    return TaskMeasurement(
      task: task, outcomes: outcomes, total: items.total, truncated: truncated, files: items.files,
      prompt: prompt.name, chosenPrompts: chosenPrompts)
  }

  private var chosenPrompts: [(prompt: String, items: Int)] {
    guard case .chosen(let names, _) = prompt else { return [] }
    let choices = scorer?.choices ?? generator?.choices ?? []
    return names.enumerated().map { index, name in
      (name, choices.count { $0.index == index })
    }
  }

  /// Answers all remaining items; returns the results.
  /// - Parameter progress: called with the items done and to do, after each batch.
  package mutating func run(progress: ProgressHandler = .none) throws(Failure) -> TaskMeasurement {
    try progress.report(outcomes.count, of: items.items.count, note)
    while !isDone {
      try step()
      try progress.report(outcomes.count, of: items.items.count, note)
    }
    return result
  }

  /// The main metric so far, in a few words.
  package var note: String {
    guard !outcomes.isEmpty else { return "" }
    let metric = items.task.mainMetric
    return "\(metric.rawValue) \(Figure.fixed(result.estimate(metric).value, 3))"
  }
}

extension TaskDescription {
  /// Whether a metric needs to know if tokens are the likeliest ones.
  var findsGreedy: Bool {
    outputType == .logLikelihood || metrics.contains(.exactMatch)
  }
}
