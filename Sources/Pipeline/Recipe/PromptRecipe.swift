import BundleFormat
import Bytes
import Numerics
import Prompts
import Text

/// A recipe's section `prompt`: how an adapter is learned, or the text of a hard prompt.
package struct PromptRecipe: Sendable, Equatable {
  /// A reference to a prompt in a bundle.
  package struct PromptPlace: Sendable, Equatable {
    /// The path of the bundle.
    package var bundle: String
    /// The prompt's name; nil for the bundle's only prompt.
    package var prompt: String?
  }

  package var name = "default"
  /// The learner's settings. Token IDs of `sink` and `startText` aren't set before there is a
  /// tokenizer.
  package var settings = PromptSettings()
  /// The text of a hard prompt.
  package var hardText: String?
  /// The path of the training text.
  package var text = ""
  /// The path of the validation text, by which the best prompt is chosen.
  package var validationText = ""
  /// The precision of matrix products with the weights, forward and backward.
  package var arithmetic = Arithmetic.bfloat16
  /// The text whose token embeddings are the starting rows.
  package var startText: String?
  /// The text of the sink token, whose embedding is the prompt's first row and stays fixed.
  package var sink: String?
  /// The prompt in another bundle to start from.
  package var startFrom: PromptPlace?
  /// Whether the artifact stores the prompt's keys and values of every block, so that the prompt
  /// doesn't delay the first token.
  package var keyValues = false

  package init() {}

  package var kind: AdapterKind { settings.kind }

  /// Returns the learner's settings with the token IDs of `sink` and `startText`.
  ///
  /// - Throws: `invalidData` if the sink isn't exactly one token.
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

  /// Whether the full model's distributions over all training windows are computed before learning.
  var needsTeacherStage: Bool { settings.teacherPool != nil }

  /// The training and validation texts; empty for a hard prompt.
  package var texts: [(role: String, path: String)] {
    kind == .hard ? [] : [(role: "training", path: text), ("validation", validationText)]
  }
}
