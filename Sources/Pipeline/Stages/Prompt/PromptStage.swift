import Builds
import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import Text

/// The stage that learns a soft prompt, a prefix or LoRA on a text by backpropagation through the
/// compressed model.
struct PromptStage: Stage {
  let recipe: PromptRecipe
  /// The memory budget in bytes for activations kept for the backward pass.
  let memory: Int
  let configuration: ModelConfiguration
  /// The size of the compressed weights in bytes.
  let weightBytes: Int
  /// The source of the models and the tokenizer.
  var source = PromptSource.build

  var name: String { PromptOutputs.stage }
  var algorithmVersion: Int { 4 }
  var parameters: JSON { recipe.json }
  struct Inputs {
    let compressed: PromptSource.CompressedInput
    let text: FileInput
    let validation: FileInput
    let teacher: TeacherInput?
    /// The bundle with the prompt to start from; nil if there is none.
    let start: FileInput?
  }
  /// The source of the uncompressed model's next-token distributions.
  enum TeacherInput {
    /// The distributions computed by the stage `teacher`.
    case answers(FileInput)
    /// The uncompressed model, evaluated at each step.
    case model(PromptSource.FullInput)
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      compressed: source.declareCompressed(in: &list), text: list.file(recipe.text, as: "text"),
      validation: list.file(recipe.validationText, as: "validation"),
      teacher: declareTeacher(in: &list),
      start: recipe.startFrom.map { list.file($0.bundle, as: "start") })
  }
  private func declareTeacher(in list: inout InputList) -> TeacherInput? {
    if recipe.needsTeacherStage { return .answers(list.output(TeacherStage.answers)) }
    guard recipe.settings.teacherShare > 0 else { return nil }
    return source.declareFull(in: &list).map { .model($0) }
  }
  var outputs: [StageOutput] { PromptOutputs.all }
  var usesKernels: Bool { true }
  var unit: String { "step" }
  var work: Double {
    let rows = Double(
      recipe.settings.accumulation * (recipe.settings.batch * recipe.settings.length + shape.tokens)
    )
    let checks = Double(recipe.settings.steps / recipe.settings.validationEvery + 2)
    let checked = Double(recipe.settings.validationWindows * recipe.settings.length)
    return configuration.forwardWork * (Double(recipe.settings.steps) * rows * 3 + checks * checked)
  }
  private var shape: AdapterShape { recipe.settings.adapterShape(configuration) }
  var pace: Double { 0.9 }
  var needs: StageNeeds {
    let step = PromptObjective.byteCount(
      configuration, prompt: shape.tokens, sequences: recipe.settings.batch,
      length: recipe.settings.length,
      budget: MemoryBudget(bytes: memory))
    return StageNeeds(
      memory: (192 << 20) + weightBytes + step,
      disk: 32 * (shape.count ?? 0), settings: ["memory", "prompt.batch", "prompt.length"])
  }

  /// The maximum number of steps between two saves.
  private static let savedSteps = 25
  /// The maximum number of seconds between two saves.
  private static let savedSeconds = 10.0

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    let tokenizer = try inputs.compressed.tokenizer.read(context)
    let model = try inputs.compressed.read(context, recipe.arithmetic)
    let settings = try recipe.settings(with: tokenizer)
    let texts = PromptLearner.Texts(
      training: tokenizer.encode(try Corpus.load(path: context.path(inputs.text)).text),
      validation: tokenizer.encode(try Corpus.load(path: context.path(inputs.validation)).text),
      teacher: try inputs.teacher.map { try teacher($0, context) })
    try context.checkStop()
    let budget = MemoryBudget(bytes: memory)
    var learner: PromptLearner
    if let saved = try context.partial.load("learner") {
      learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, saved: saved, budget: budget,
        progress: ProgressHandler(stop: context.checkStop))
    } else {
      learner = try PromptLearner(
        prompt: settings, for: model, texts: texts, start: try start(inputs, context, model),
        budget: budget,
        progress: ProgressHandler(stop: context.checkStop))
      try save(learner.state, context)
    }
    context.report(learner.state.step, of: recipe.settings.steps)
    var saved = (step: learner.state.step, time: ProcessUsage.clock)
    while !learner.isDone {
      let report = try learner.step()
      context.report(report.step, of: recipe.settings.steps, Self.note(report))
      // A stop during a validation discards its step, so the state is saved before.
      let isDue =
        report.step - saved.step >= Self.savedSteps
        || (report.step + 1) % recipe.settings.validationEvery == 0
        || report.step + 1 == recipe.settings.steps
        || ProcessUsage.clock - saved.time >= Self.savedSeconds
      if isDue || context.isStopping || learner.isDone {
        try save(learner.state, context)
        saved = (report.step, ProcessUsage.clock)
      }
      if !learner.isDone { try context.checkStop() }
    }
    describe(learner, context)
    let best = try learner.best
    return PromptOutputs.result(
      values: best.parameters, shape: best.shape,
      training: try record(learner, context, inputs),
      summary: [
        "best_step": JSON(learner.state.bestStep),
        "validation_ppl": .number(learner.state.bestPerplexity),
        "validation_ppl_without": .number(learner.state.validationWithoutPrompt),
      ])
  }

  /// Reports this run's time by part: updates, teacher, validation.
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
      parts.map { "\($0.0) \(Figure.time($0.1))" }.joined(separator: ", "))
  }

  /// Opens the teacher.
  private func teacher(
    _ input: TeacherInput, _ context: StageContext
  ) throws(Failure) -> TeacherSource {
    switch input {
    case .model(let full): return .model(try Teacher(full.read(context, recipe.arithmetic)))
    case .answers(let file):
      let path = context.path(file)
      return .cache(try TeacherCache(MappedFile(path: path).bytes, file: path))
    }
  }

  /// Returns the prompt in another bundle to start from; nil if there is none.
  private func start(
    _ inputs: Inputs, _ context: StageContext, _ model: LanguageModel
  ) throws(Failure) -> Adapter? {
    guard let file = inputs.start else { return nil }
    let bundle = try ModelBundle(path: context.path(file))
    let prompt: StoredAdapter
    do {
      prompt = try Transfer.choose(recipe.startFrom?.prompt, from: bundle)
    } catch {
      throw Failure(
        error.kind, file: error.file, at: "prompt.init_from", error.finding, advice: error.advice)
    }
    return try Adapter(prompt, for: model.configuration)
  }

  private func save(_ state: PromptLearner.State, _ context: StageContext) throws {
    try context.partial.save("learner", state.bytes)
    try context.partial.mark(state.step, of: recipe.settings.steps, unit: unit)
  }

  private static func note(_ report: PromptLearner.Report) -> String {
    "loss \(Figure.short(report.loss)), best validation ppl \(Figure.short(report.best))"
  }

  /// Returns the record of the learning, for the prompt's section in the bundle.
  private func record(
    _ learner: PromptLearner, _ context: StageContext, _ inputs: Inputs
  ) throws(Failure) -> JSON {
    let state = learner.state
    var record: JSONObject = [
      "settings": recipe.json, "steps_done": JSON(state.step),
      "stopped_early": .bool(learner.isStoppedEarly), "best_step": JSON(state.bestStep),
      "best_validation_ppl": .number(state.bestPerplexity),
      "validation_ppl_without": .number(state.validationWithoutPrompt),
      "curve": .array(
        state.curve.map { ["step": JSON($0.step), "validation_ppl": .number($0.perplexity)] }),
      "final_loss": state.losses.last.map { .number($0) } ?? .null,
      "stage": .string(context.key.digest.hex),
    ]
    if let file = inputs.start {
      record[PromptOutputs.initialPrompt] =
        Provenance.InitialPrompt(
          name: PathNames.last(context.path(file)), sha256: context.digest(file),
          content: try ModelBundle(path: context.path(file)).canonicalDigest
        ).json
    }
    return .object(record)
  }
}
