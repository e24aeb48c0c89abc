import BundleFormat
import Bytes

extension ModelBundle {
  /// The model with `prompt` attached, and the prompt rows before each text: the prompt's stored
  /// keys and values if the bundle has them, unless `exact` rules out values rounded to float16.
  /// - Throws: `usage` if the prompt is for a model of another shape, `invalidData` if its stored
  ///   keys and values have the wrong size.
  package func start(
    with prompt: StoredAdapter, of model: LanguageModel, exact: Bool
  ) throws(Failure) -> (model: LanguageModel, start: PromptStart) {
    let adapter = try Adapter(prompt, for: model.configuration)
    if !exact, let stored = try keyValues(of: prompt.name) {
      let known = try KeyValues(
        stored: stored.values, tokens: stored.tokens, for: model.configuration)
      return (model, .keyValues(known))
    }
    return try adapter.attached(to: model)
  }
}
