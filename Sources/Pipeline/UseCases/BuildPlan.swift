import Builds
import Bytes
import Checkpoints
import Compression
import Evaluation
import FoundationEssentials
import Models
import Numerics
import Text

/// The stages of a build, from a recipe that was checked against its model.
package struct BuildPlan: Sendable {
  package let recipe: Recipe
  package let stages: [any Stage]
  /// Notes for the user on how the checkpoint was read, one sentence each.
  package let notes: [String]

  /// The output that becomes the artifact.
  package static let artifact = PackageStage.bundle

  /// The names of all possible stages of a build, in order.
  package static let stageOrder = [
    ImportStage.name, CalibrateStage.name, AllocateStage.name, CompressStage.name,
    PolicyStage.name, TeacherStage.name, PromptOutputs.stage, VerifyStage.name, TaskStage.name,
    GateStage.name, PackageStage.name,
  ]

  /// Opens the checkpoint (its structure, names and shapes, but no values), checks the recipe's
  /// settings against it, and makes the stages.
  ///
  /// - Throws: `invalidData` with lines of the recipe, or with the checkpoint's problem.
  package init(_ recipe: Recipe) throws(Failure) {
    let source = try Self.source(recipe)
    let configuration = source.configuration
    notes = source.notes
    let problems = RecipeProblems(file: recipe.path)
    func check<T>(_ place: String, _ body: () throws(Failure) -> T) -> T? {
      do throws(Failure) {
        return try body()
      } catch {
        let subject = (error.place ?? error.file).map { $0 + ": " } ?? ""
        let advice = error.advice.map { "; " + $0 } ?? ""
        problems.add(
          recipe.lines[place] ?? recipe.lines[Self.section(place)],
          subject + error.finding + advice)
        return nil
      }
    }
    let settings = recipe.compression.settings
    check("compression.\(settings.rules.isEmpty ? "group_size" : "rules")") { () throws(Failure) in
      try settings.validate(for: configuration)
    }
    let rules = recipe.evaluations.enumerated().compactMap { index, evaluation in
      check("evaluation \(index + 1).protocol") { () throws(Failure) in
        try PerplexityProtocol(id: evaluation.protocolID, length: evaluation.length)
      }
    }
    let calibration = recipe.calibration
    if recipe.missing.isEmpty, calibration.mayBeTooShort(bytes: Self.size(calibration.text)) {
      // Outside `check`, because a failure to read the tokenizer is no problem of the text.
      let tokenizer = try ModelFile.tokenizer(of: source, path: recipe.model)
      _ = check("calibration.text") { () throws(Failure) in
        try calibration.windows(of: tokenizer.encode(try Corpus.load(path: calibration.text).text))
      }
    }
    if let prompt = recipe.prompt {
      check("prompt") { () throws(Failure) in
        try prompt.settings.check(for: configuration)
      }
    }
    try problems.check()

    self.recipe = recipe
    var stages: [any Stage] = [
      ImportStage(source: source, path: recipe.model),
      CalibrateStage(recipe: recipe.calibration, textBytes: Self.size(recipe.calibration.text)),
    ]
    if let target = recipe.compression.targetBits {
      let windows = min(AllocateStage.windows, recipe.calibration.windows)
      stages.append(
        AllocateStage(
          settings: settings, configuration: configuration, target: target,
          tokens: windows * recipe.calibration.length, memory: recipe.memory,
          arithmetic: recipe.compression.arithmetic))
    }
    stages.append(
      CompressStage(
        settings: settings, configuration: configuration,
        tokens: recipe.calibration.windows * recipe.calibration.length, memory: recipe.memory,
        arithmetic: recipe.compression.arithmetic,
        isAllocated: recipe.compression.targetBits != nil))
    if !recipe.compression.failOn.isEmpty {
      stages.append(PolicyStage(refused: recipe.compression.failOn))
    }
    if let prompt = recipe.prompt {
      if prompt.needsTeacherStage {
        stages.append(TeacherStage(recipe: prompt, forwardWork: configuration.forwardWork))
      }
      // The other half of the memory is for the weights and one block's buffers.
      stages.append(
        prompt.kind == .hard
          ? HardPromptStage(recipe: prompt)
          : PromptStage(
            recipe: prompt, memory: recipe.memory / 2, configuration: configuration,
            weightBytes: configuration.bytes(compressed: settings)))
    }
    if !recipe.evaluations.isEmpty {
      stages.append(
        VerifyStage(
          evaluations: recipe.evaluations, rules: rules, promptName: recipe.prompt?.name,
          work: Self.verifyWork(recipe, rules, configuration),
          referenceBytes: Self.referenceBytes(recipe, rules, configuration)))
    }
    if !recipe.tasks.isEmpty {
      stages.append(
        TaskStage(
          tasks: recipe.tasks, promptName: recipe.prompt?.name,
          work: Self.taskWork(recipe, configuration)))
    }
    if recipe.isMeasured {
      stages.append(
        GateStage(
          gate: recipe.gate, evaluations: recipe.evaluations.map(\.name),
          tasks: recipe.tasks.map(\.name)))
    }
    stages.append(
      PackageStage(
        recipe: recipe, sourceFiles: source.files,
        bytes: configuration.bytes(compressed: settings)))
    self.stages = stages
  }

  /// Opens the checkpoint; if it is missing and the recipe gives its shape, returns an outline
  /// without values.
  ///
  /// - Throws: `invalidData` if the checkpoint doesn't have the given shape.
  private static func source(_ recipe: Recipe) throws(Failure) -> any TensorSource {
    guard let shape = recipe.shape else { return try Checkpoint.open(recipe.model) }
    let outline = try OutlinedCheckpoint(configuration: shape)
    guard recipe.missing.isEmpty else { return outline }
    let source = try Checkpoint.open(recipe.model)
    let (own, expected) = (source.configuration, outline.configuration)
    guard own.isSameModel(as: expected) else {
      throw Failure(
        .invalidData, file: recipe.path, at: recipe.lines["model.shape"].map { "line \($0)" },
        "the checkpoint doesn't match \(PathNames.last(shape)): it has \(own.layers) blocks of width"
          + " \(own.hiddenSize), not \(expected.layers) blocks of width \(expected.hiddenSize)",
        advice: "correct `model.shape` or `model.path`")
    }
    return source
  }

  /// Returns the section of a qualified field name.
  private static func section(_ place: String) -> String {
    String(place.prefix { $0 != "." })
  }

  /// Returns a file's size in bytes; 0 if it is missing.
  private static func size(_ path: String) -> Int { (try? FileIdentity(path: path).size) ?? 0 }

  /// Estimates the size of the full model's last hidden states over the longest text with a
  /// divergence, at four bytes per token.
  private static func referenceBytes(
    _ recipe: Recipe, _ rules: [PerplexityProtocol], _ configuration: ModelConfiguration
  ) -> Int {
    let sizes = zip(recipe.evaluations, rules).map { evaluation, rule -> Int in
      guard evaluation.divergence else { return 0 }
      let windows = min(size(evaluation.text) / 4 / rule.length, evaluation.windows ?? .max)
      return 4 * windows * rule.targetsPerWindow * (1 + configuration.embeddingSize)
    }
    return sizes.max() ?? 0
  }

  /// Estimates the work of two or four passes over the rows of each task, at four bytes per token. Rows
  /// beyond a limit are taken to be as long as the others.
  private static func taskWork(_ recipe: Recipe, _ configuration: ModelConfiguration) -> Double {
    var tokens = 0.0
    for task in recipe.tasks {
      let bytes = task.sources.first { $0.role == "rows" }.map { size($0.path) } ?? 0
      // A row of the data sets in use has about 400 bytes.
      tokens += Double(min(bytes, (task.limit ?? .max / 400) * 400)) / 4
    }
    return tokens * (recipe.prompt == nil ? 2 : 4) * configuration.forwardWork
  }

  /// Estimates the work of two or four passes over each text, at four bytes per token.
  private static func verifyWork(
    _ recipe: Recipe, _ rules: [PerplexityProtocol], _ configuration: ModelConfiguration
  ) -> Double {
    var tokens = 0
    for (evaluation, rule) in zip(recipe.evaluations, rules) {
      let windows = min(size(evaluation.text) / 4 / rule.length, evaluation.windows ?? .max)
      tokens += windows * rule.length
    }
    return Double(tokens * (recipe.prompt == nil ? 2 : 4)) * configuration.forwardWork
  }
}
