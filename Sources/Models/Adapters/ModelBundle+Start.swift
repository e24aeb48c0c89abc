import BundleFormat
import Bytes

extension ModelBundle {
  /// The model with `prompt` attached, and the rows with which a text then begins: the prompt's stored keys
  /// and values where there are some, unless `exact` forbids values rounded to float16.
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
