import Builds
import BundleFormat
import Bytes
import Checkpoints
import Models
import Text

/// The models that a build measures: the full and the compressed one, each without and with the
/// prompt, and the tokenizer that they share.
struct MeasuredModels {
  let tokenizer: Tokenizer
  /// The full model.
  let full: ModelBundle
  /// "full" and "compressed", in this order.
  let models: [(name: String, bundle: ModelBundle)]
  /// The prompt; nil without one, which leaves two measurements of four.
  let prompt: (name: String, adapter: Adapter)?

  /// Opens the models.
  ///
  /// - Parameter promptName: the name of the prompt in `prompt`; nil without a prompt.
  init(
    _ context: StageContext, tokenizer: FileInput, full: FileInput, compressed: FileInput,
    promptName: String?, prompt: PromptOutputs.Inputs?
  ) throws {
    self.tokenizer = try Tokenizer(json: MappedFile(path: context.path(tokenizer)).bytes)
    self.full = try ModelBundle(path: context.path(full))
    models = [
      (name: "full", bundle: self.full),
      (name: "compressed", bundle: try ModelBundle(path: context.path(compressed))),
    ]
    guard let promptName, let prompt else {
      self.prompt = nil
      return
    }
    let configuration = try ModelConfiguration(
      canonical: self.full.configuration, file: self.full.path)
    self.prompt = (promptName, try LearnedPrompt(context, prompt).adapter(for: configuration))
  }
}
