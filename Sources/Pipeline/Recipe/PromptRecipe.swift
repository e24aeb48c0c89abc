import BundleFormat
import Bytes
import Numerics
import Prompts
import Text

/// How an adapter is learned, or which text a hard prompt is: a recipe's section `prompt`.
package struct PromptRecipe: Sendable, Equatable {
  /// A prompt in a bundle.
  package struct PromptPlace: Sendable, Equatable {
    package var bundle: String
    /// nil where the bundle has only one.
    package var prompt: String?
  }

  package var name = "default"
  /// The learner's settings. Tokens of texts (`sink`, `startText`) are missing until there is a tokenizer.
  package var settings = PromptSettings()
  /// The text that a hard prompt is.
  package var hardText: String?
  /// The path of the text to learn from.
  package var text = ""
  /// The path of the text by which the best prompt is chosen.
  package var validationText = ""
  /// The numbers of the products with the weights, forwards and backwards.
  package var arithmetic = Arithmetic.bfloat16
  /// The text whose tokens the prompt starts from.
  package var startText: String?
  /// The token, as text, that stands before the prompt and is never changed.
  package var sink: String?
  /// The prompt of another bundle to start from.
  package var startFrom: PromptPlace?
  /// Whether the artifact holds the prompt's keys and values in every block, so that using the
  /// prompt costs no time before the first token.
  package var keyValues = false

  package init() {}

  package var kind: AdapterKind { settings.kind }

  /// The learner's settings with the tokens of the recipe's texts.
  /// - Throws: `invalidData` where the sink isn't one token.
  func settings(with tokenizer: Tokenizer) throws(Failure) -> PromptSettings {
    var settings = settings
    if let sink {
      let ids = tokenizer.encode(sink)
      guard ids.count == 1 else {
        throw Failure(
          .invalidData, at: "prompt.sink", "`\(sink)` is \(ids.count) tokens, not one",
          advice: "name one token, such as the one that begins a text")
      }
      settings.sink = ids[0]
    }
    if let startText { settings.startIDs = tokenizer.encode(startText) }
    return settings
  }

  /// Whether the full model is asked about all training windows before learning begins.
  var needsTeacherStage: Bool { settings.teacherPool != nil }

  /// The texts that the prompt is learned from and chosen by; none where nothing is learned.
  package var texts: [(role: String, path: String)] {
    kind == .hard ? [] : [(role: "training", path: text), ("validation", validationText)]
  }
}
