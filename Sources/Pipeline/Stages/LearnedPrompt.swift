import BundleFormat
import Bytes
import Checkpoints
import Models

/// What the prompt stage left: numbers, and what they are.
struct LearnedPrompt {
  let form: Prompt.Form
  let values: [Float]

  init(_ context: StageContext) throws {
    try self.init(
      form: context.path(PromptStage.form), values: context.path(PromptStage.prompt))
  }

  /// From the files of these outputs.
  init(form: String, values: String) throws {
    self.form = try Prompt.Form(json: JSON(parsing: MappedFile(path: form).bytes, file: form))
    self.values = try MappedFile(path: values).bytes.floats()
  }

  func adapter(for configuration: ModelConfiguration) throws(Failure) -> Adapter {
    try AdapterShape(form, for: configuration).adapter(values, for: configuration)
  }

  /// - Parameters:
  ///   - training: the file of the output of this name.
  ///   - data: the texts, which go with the prompt wherever it is transferred.
  func prompt(
    _ recipe: PromptRecipe, training: String, data: [Provenance.DataSource],
    binding: Prompt.Binding, validatedOn: [Validation] = []
  ) throws(Failure) -> Prompt {
    var record = try JSON(parsing: MappedFile(path: training).bytes, file: training).object ?? [:]
    if !data.isEmpty { record["data"] = .array(data.map(\.json)) }
    return Prompt(
      name: recipe.name, form: form, values: values, binding: binding,
      objective: recipe.kind == .hard ? "none" : recipe.settings.minimised.rawValue,
      validatedOn: validatedOn,
      training: .object(record))
  }
}
