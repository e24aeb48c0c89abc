import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import Text

/// Compressed model and text → a soft prompt or an adapter, learned through the compressed weights.
struct PromptStage: Stage {
  let recipe: PromptRecipe
  /// Bytes for activations that are kept for the backward pass.
  let memory: Int
  let configuration: ModelConfiguration
  /// Bytes of the compressed weights.
  let weightBytes: Int
  var source = PromptSource.build

  static let name = "prompt"
  /// The numbers, float32.
  static let prompt = "prompt"
  /// What the numbers are (`Prompt.Form`).
  static let form = "form"
  static let training = "training"

  var name: String { Self.name }
  var algorithmVersion: Int { 4 }
  var parameters: JSON { recipe.json }
  var inputs: [StageInput] {
    var inputs =
      source.compressed + [
        .file("text", recipe.text), .file("validation", recipe.validation.text),
      ]
    if recipe.needsTeacherStage {
      inputs.append(.output(TeacherStage.answers, of: TeacherStage.name))
    } else if recipe.teacherShare > 0 {
      inputs += source.full
    }
    if let place = recipe.startFrom { inputs.append(.file("start", place.bundle)) }
    return inputs
  }
  var usesKernels: Bool { true }
  var unit: String { "step" }
  var work: Double {
    let rows = Double(recipe.accumulation * (recipe.batch * recipe.length + shape.tokens))
    let checks = Double(recipe.steps / recipe.validation.every + 2)
    let checked = Double(recipe.validation.windows * recipe.length)
    return configuration.forwardWork * (Double(recipe.steps) * rows * 3 + checks * checked)
  }
  private var shape: AdapterShape { recipe.settings.adapterShape(configuration) }
  var pace: Double { 0.9 }
  var needs: StageNeeds {
    let step = PromptObjective.byteCount(
      configuration, prompt: shape.tokens, sequences: recipe.batch, length: recipe.length,
      budget: MemoryBudget(bytes: memory))
    return StageNeeds(
      memory: (192 << 20) + weightBytes + step,
      disk: 32 * (shape.count ?? 0))
  }

  /// Steps and seconds between two saves; a save costs about as much as reading the text of one
  /// step.
  private static let savedSteps = 25
  private static let savedSeconds = 10.0

  func run(_ context: StageContext) throws -> StageResult {
    let tokenizer = try source.tokenizer(context)
    let model = try source.compressed(context, recipe.arithmetic)
    let settings = try recipe.settings(with: tokenizer)
    let texts = PromptLearner.Texts(
      training: tokenizer.encode(try Corpus.load(path: context.path("text")).text),
      validation: tokenizer.encode(try Corpus.load(path: context.path("validation")).text),
      teacher: try teacher(context))
    try context.checkStop()
    let budget = MemoryBudget(bytes: memory)
    var learner: PromptLearner
    if let saved = context.partial.load("learner") {
      learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, saved: saved, budget: budget,
        safePoint: context.checkStop)
    } else {
      learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, start: try start(context, model),
        budget: budget,
        safePoint: context.checkStop)
      try save(learner.state, context)
    }
    context.report(learner.state.step, of: recipe.steps)
    var saved = (step: learner.state.step, time: ProcessUsage.clock)
    while !learner.isDone {
      let report = try learner.step()
      context.report(report.step, of: recipe.steps, Self.note(report))
      // A stop during a step's measurement goes back to before the step.
      let isDue =
        report.step - saved.step >= Self.savedSteps
        || (report.step + 1) % recipe.validation.every == 0 || report.step + 1 == recipe.steps
        || ProcessUsage.clock - saved.time >= Self.savedSeconds
      if isDue || context.isStopping || learner.isDone {
        try save(learner.state, context)
        saved = (report.step, ProcessUsage.clock)
      }
      if !learner.isDone { try context.checkStop() }
    }
    describe(learner, context)
    let best = try learner.best
    return StageResult(
      outputs: [
        Self.prompt: .bytes([UInt8](floats: best.parameters.values)),
        Self.form: .bytes(best.shape.json.canonicalBytes),
        Self.training: .bytes(record(learner, context).canonicalBytes),
      ],
      summary: [
        "best_step": JSON(learner.state.bestStep),
        "validation_ppl": .number(learner.state.bestPerplexity),
        "validation_ppl_without": .number(learner.state.validationWithoutPrompt),
      ])
  }

  /// Where the time of the steps went, in this process.
  private func describe(_ learner: PromptLearner, _ context: StageContext) {
    let seconds = learner.seconds
    let parts = [
      ("updates", seconds.updates), ("teacher", seconds.teacher),
      ("validation", seconds.validation),
    ]
    var values = JSONObject()
    for (name, value) in parts { values[name] = .number(value) }
    context.record(["parts": .object(values)])
    context.detail(
      parts.map { "\($0.0) \(TimeText.short($0.1))" }.joined(separator: ", "))
  }

  private func teacher(_ context: StageContext) throws -> TeacherSource? {
    guard recipe.teacherShare > 0 else { return nil }
    guard recipe.needsTeacherStage else {
      return .model(try Teacher(source.full(context, recipe.arithmetic)))
    }
    let path = try context.path(TeacherStage.answers)
    return .cache(try TeacherCache(MappedFile(path: path).bytes, file: path))
  }

  /// The prompt of another bundle to start from.
  private func start(_ context: StageContext, _ model: LanguageModel) throws -> Adapter? {
    guard let place = recipe.startFrom else { return nil }
    let prompt = try Transfer.choose(place.prompt, from: ModelBundle(path: context.path("start")))
    return try Adapter(prompt, for: model.configuration)
  }

  private func save(_ state: PromptLearner.State, _ context: StageContext) throws {
    try context.partial.save("learner", state.bytes)
    try context.partial.mark(state.step, of: recipe.steps, unit: unit)
  }

  private static func note(_ report: PromptLearner.Report) -> String {
    "loss \(Figure.short(report.loss)), best validation ppl \(Figure.short(report.best))"
  }

  /// How the prompt was learned, for its section in the bundle.
  private func record(_ learner: PromptLearner, _ context: StageContext) -> JSON {
    let state = learner.state
    return [
      "settings": recipe.json, "steps_done": JSON(state.step),
      "stopped_early": .bool(learner.isStoppedEarly), "best_step": JSON(state.bestStep),
      "best_validation_ppl": .number(state.bestPerplexity),
      "validation_ppl_without": .number(state.validationWithoutPrompt),
      "curve": .array(
        state.curve.map { ["step": JSON($0.step), "validation_ppl": .number($0.perplexity)] }),
      "final_loss": state.losses.last.map { .number($0) } ?? .null,
      "stage": .string(context.key.digest.hex),
    ]
  }
}
