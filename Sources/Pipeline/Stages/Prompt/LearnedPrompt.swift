import Builds
import BundleFormat
import Bytes
import Checkpoints
import Models

/// An adapter made by the stage `prompt`: its shape and its values.
struct LearnedPrompt {
  let shape: AdapterShape
  let values: [Float]

  /// Reads the declared files of the stage `prompt`.
  init(_ context: StageContext, _ inputs: PromptOutputs.Inputs) throws {
    try self.init(shape: context.path(inputs.form), values: context.path(inputs.values))
  }

  /// Reads the files at the paths `shape` and `values`.
  init(shape: String, values: String) throws {
    self.shape = try AdapterShape(json: JSON(parsing: MappedFile(path: shape).bytes, file: shape))
    self.values = try MappedFile(path: values).bytes.floats()
  }

  /// Returns the adapter for a model.
  func adapter(for configuration: ModelConfiguration) throws(Failure) -> Adapter {
    try shape.adapter(values, for: configuration)
  }

  /// Returns the prompt as stored in a bundle.
  ///
  /// - Parameters:
  ///   - training: the path of the output `training`.
  ///   - data: the training and validation texts, recorded in the prompt so that transfers keep
  ///     them.
  func prompt(
    _ recipe: PromptRecipe, training: String, data: [Provenance.DataSource],
    binding: StoredAdapter.Binding, validatedOn: [Validation] = []
  ) throws(Failure) -> StoredAdapter {
    var record = try JSON(parsing: MappedFile(path: training).bytes, file: training).object ?? [:]
    if !data.isEmpty { record["data"] = .array(data.map(\.json)) }
    return StoredAdapter(
      name: recipe.name, shape: shape, values: values, binding: binding,
      objective: recipe.kind == .hard ? "none" : recipe.settings.minimised.rawValue,
      validatedOn: validatedOn,
      training: .object(record))
  }
}
