import Builds
import BundleFormat
import Bytes
import Checkpoints
import Evaluation
import Models
import Numerics
import Text

/// One run of the stage `tasks`: the finished measurements and the outcomes of the current one.
struct TaskStageRun {
  private let stage: TaskStage
  private let context: StageContext
  private let measured: MeasuredModels
  private(set) var records: [EvidenceRecord] = []
  /// The outcomes of the full model without a prompt, by task.
  private var full: [String: [TaskOutcome]] = [:]
  /// The outcomes of the measurement that an earlier run left.
  private var resumed: [TaskOutcome] = []
  private var rowsDone = 0
  private var savedAt = ProcessUsage.clock

  init(_ stage: TaskStage, _ context: StageContext, _ inputs: TaskStage.Inputs) throws {
    self.stage = stage
    self.context = context
    measured = try MeasuredModels(
      context, tokenizer: inputs.tokenizer, full: inputs.full, compressed: inputs.compressed,
      promptName: stage.promptName, prompt: inputs.prompt)
    guard let saved = try context.partial.json("answered") else { return }
    records = try (saved["records"]?.array ?? []).map { try EvidenceRecord(json: $0) }
    for (name, outcomes) in saved["full"]?.object ?? [:] {
      self.full[name] = try (outcomes.array ?? []).map { try TaskOutcome(json: $0) }
    }
    resumed = try (saved["current"]?.array ?? []).map { try TaskOutcome(json: $0) }
  }

  /// Measures the two or four results of one task, except those already measured.
  mutating func measure(_ recipe: TaskRecipe) throws {
    let task = try recipe.description()
    let items = try TaskItems(task, limit: recipe.limit)
    let prompts: [TaskPrompt] =
      [.none] + (measured.prompt.map { [.one(name: $0.name, $0.adapter)] } ?? [])
    let passes = measured.models.count * prompts.count
    let total = items.items.count * passes * stage.tasks.count
    for (name, bundle) in measured.models {
      let isDone = prompts.map { prompt in
        records.contains {
          $0.task?.name == task.name && $0.model == name && $0.prompt == prompt.name
        }
      }
      rowsDone += isDone.count { $0 } * items.items.count
      if isDone.allSatisfy(\.self) { continue }
      let model = try LanguageModel(bundle: bundle, arithmetic: recipe.arithmetic)
      for (prompt, isDone) in zip(prompts, isDone) where !isDone {
        let label = "\(task.name), \(name)\(prompt.name == nil ? "" : " + prompt")"
        var run = try TaskRun(
          items, model: model,
          tokenizer: TaskTokenizer(measured.tokenizer, for: model.configuration),
          prompt: prompt, outcomes: resumed)
        resumed = []
        while !run.isDone {
          do throws(Failure) {
            try run.step()
          } catch {
            throw error.located(file: recipe.path, at: label)
          }
          context.report(
            rowsDone + run.outcomes.count, of: max(total, rowsDone + run.outcomes.count),
            "\(label): \(run.note)")
          if context.isStopping || ProcessUsage.clock - savedAt >= 2 { try save(run.outcomes) }
          try context.checkStop()
        }
        rowsDone += items.items.count
        try finish(run.result, name, bundle, model.arithmetic.available, label)
      }
    }
  }

  /// Records a finished measurement, compared with the full model's.
  private mutating func finish(
    _ result: TaskMeasurement, _ name: String, _ bundle: ModelBundle, _ arithmetic: Arithmetic,
    _ label: String
  ) throws {
    var flips: [TaskFlips] = []
    if name == "full", result.prompt == nil {
      full[result.task.name] = result.outcomes
    } else if let before = full[result.task.name] {
      for metric in result.task.metrics where metric.isShare {
        flips.append(try TaskFlips(metric, from: before, to: result.outcomes))
      }
    }
    records.append(
      try result.evidence(
        model: (name: name, digest: bundle.weightsDigest), arithmetic: arithmetic, flips: flips))
    let metric = result.task.mainMetric
    let estimate = result.estimate(metric)
    context.say(
      "           \(label): \(metric.rawValue) \(Figure.fixed(estimate.value, 4))"
        + " ± \(Figure.fixed(estimate.standardError, 4)) over \(result.seen) of"
        + " \(result.total) rows")
    try save([])
  }

  /// Saves the finished measurements and the outcomes of the current one.
  private mutating func save(_ outcomes: [TaskOutcome]) throws {
    var known = JSONObject()
    for (name, list) in full.sorted(by: { $0.key < $1.key }) {
      known[name] = .array(list.map(\.json))
    }
    try context.partial.save(
      "answered",
      [
        "records": .array(records.map(\.json)), "full": .object(known),
        "current": .array(outcomes.map(\.json)),
      ])
    let done = rowsDone + outcomes.count
    try context.partial.mark(done, of: max(done, 1), unit: stage.unit)
    savedAt = ProcessUsage.clock
  }
}
