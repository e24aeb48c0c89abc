import Builds
import BundleFormat
import Bytes
import Checkpoints
import Models
import Numerics
import Prompts
import Routing

/// The stages that learn a prompt on a finished bundle, from a recipe that was checked against the
/// bundle. A `Build` runs and resumes them; `publish` then adds the prompt to the bundle.
package struct LearningPlan: Sendable {
  package let recipe: PromptRecipe
  package let stages: [any Stage]
  private let bundle: String
  /// The bundle's model when the plan was made.
  private let model: MeasuredModel

  /// Checks the recipe against the bundle and makes the stages.
  ///
  /// - Parameters:
  ///   - full: the uncompressed model, for objectives with a teacher.
  ///   - memory: the memory budget in bytes.
  /// - Throws: `usage` if the bundle already has a prompt of this name, if the settings don't fit
  ///   the model, or if the teacher is missing, unused or of another shape; `notMet` if the teacher
  ///   has another base model; `invalidData` if the bundle is damaged.
  package init(
    _ recipe: PromptRecipe, on bundle: ModelBundle, full: ModelFile?, memory: Int
  ) throws(Failure) {
    self.recipe = recipe
    self.bundle = bundle.path
    // What is learned is bound to the digest of the weights, so they must be those it names.
    try bundle.requireSound()
    model = try bundle.measuredModel
    try bundle.checkFree(recipe.name)
    let configuration = try ModelConfiguration(canonical: bundle.configuration, file: bundle.path)
    try recipe.settings.check(for: configuration)
    try Self.check(full, recipe, bundle, configuration)
    let source = PromptSource.bundle(bundle.path, full: full)
    if recipe.kind == .hard {
      stages = [HardPromptStage(recipe: recipe, source: source)]
      return
    }
    let weightBytes = bundle.sections.reduce(0) { $0 + $1.rawSize }
    var stages: [any Stage] = []
    if recipe.needsTeacherStage {
      stages.append(
        TeacherStage(recipe: recipe, forwardWork: configuration.forwardWork, source: source))
    }
    stages.append(
      PromptStage(
        recipe: recipe, memory: memory / 2, configuration: configuration, weightBytes: weightBytes,
        source: source))
    self.stages = stages
  }

  /// Checks that a teacher is given if and only if the objective needs one, and that it is the
  /// bundle's uncompressed model.
  private static func check(
    _ full: ModelFile?, _ recipe: PromptRecipe, _ bundle: ModelBundle, _ own: ModelConfiguration
  ) throws(Failure) {
    guard recipe.settings.teacherShare > 0 else {
      guard let full else { return }
      throw Failure(
        .usage, file: full.path, "the objective cross-entropy needs no teacher",
        advice: "choose the objective kl or mix, or leave the teacher out")
    }
    guard let full else {
      throw Failure(
        .usage, "the objective \(recipe.settings.minimised.rawValue) needs the uncompressed model",
        advice: "give it as the teacher", reason: .teacherNeeded)
    }
    let other = try full.configuration()
    guard other.isSameModel(as: own) else {
      throw Failure(
        .usage, file: full.path,
        "doesn't match the bundle's model: it has \(other.layers) blocks of width"
          + " \(other.hiddenSize) and \(other.vocabularySize) tokens, not \(own.layers),"
          + " \(own.hiddenSize) and \(own.vocabularySize)",
        advice: "name the model that the bundle was compressed from")
    }
    // A checkpoint has no digest before it is imported.
    guard case .bundle(let teacher) = full, let base = try bundle.baseModelDigest,
      let found = try teacher.baseModelDigest, found != base
    else { return }
    throw Failure(
      .notMet, file: full.path,
      "was made from the base model \(found.hex), the bundle from \(base.hex)",
      advice: "name the model that the bundle was compressed from")
  }

  /// Adds the learned prompt to the bundle, with its keys and values and its routing key, in one
  /// commit. What others stored in the bundle meanwhile stays.
  ///
  /// - Parameters:
  ///   - done: the stages' records.
  ///   - progress: receives the progress of learning the routing key.
  /// - Returns: the prompt and the bundle's new generation.
  /// - Throws: `busy` if the bundle's model is no longer the one on which the prompt was learned, or if
  ///   the prompt's name was taken meanwhile.
  package func publish(
    _ done: [StageMarker], from store: Store,
    progress: ProgressHandler = .none
  ) throws -> (prompt: StoredAdapter, generation: UInt64) {
    guard let last = done.last, last.stage == PromptOutputs.stage else {
      throw Failure(.internalError, "nothing was learned")
    }
    let target = try ModelBundle(path: bundle)
    try target.requireSound()
    try target.check(model)
    let weights = model.weights
    func path(_ output: StageOutput) throws(Failure) -> String {
      guard let object = done.object(of: output) else {
        throw Failure(.internalError, "the stage \(output.stage) left no `\(output.name)`")
      }
      return store.path(of: object)
    }
    let prompt = try LearnedPrompt(
      shape: path(PromptOutputs.form), values: path(PromptOutputs.values)
    ).prompt(
      recipe, training: path(PromptOutputs.training), data: try data(last),
      binding: StoredAdapter.Binding(
        baseModel: model.baseModel, tokenizer: model.tokenizer, weights: weights))
    let loaded = try LanguageModel(bundle: target)
    var sections: [NewSection] = [.adapter(prompt)]
    if recipe.keyValues {
      sections.append(.keyValues(try prompt.keyValues(in: loaded, weights: weights)))
    }
    let key = try StoredRoutingKey.learn(
      for: prompt, in: loaded, weights: weights, progress: progress)
    if let key { sections.append(.routingKey(key)) }
    let added = sections
    let edited = try BundleEditor.edit(bundle) { (edit) throws(Failure) in
      try edit.check(model)
      try edit.checkStillFree(recipe.name)
      edit.add(added)
    }
    return (prompt, edited.generation)
  }

  /// Returns the texts, with the digests that the stage recorded.
  private func data(_ done: StageMarker) throws(Failure) -> [Provenance.DataSource] {
    let inputs = done.key.document["inputs"] ?? .null
    var data: [Provenance.DataSource] = []
    for (role, path) in recipe.texts {
      guard let digest = try inputs.digest(role == "training" ? "text" : role) else {
        throw Failure(.internalError, file: path, "the stage `prompt` read no \(role) text")
      }
      data.append(.init(role: role, name: PathNames.last(path), sha256: digest))
    }
    return data
  }
}
