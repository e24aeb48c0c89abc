import Builds
import BundleFormat
import Bytes
import Models
import Numerics

/// The outputs of the stage `prompt`. A build has one of two stages of this name: one learns a
/// prompt, the other makes it from a given text.
enum PromptOutputs {
  /// The name of both stages.
  static let stage = "prompt"
  /// The adapter's values, float32.
  static let values = StageOutput("prompt", of: stage)
  /// The adapter's shape, an `AdapterShape` in JSON.
  static let form = StageOutput("form", of: stage)
  /// The record of the prompt's learning, JSON.
  static let training = StageOutput("training", of: stage)

  static let all = [values, form, training]

  /// The member of `training` that says from which bundle learning started.
  static let initialPrompt = "initial_prompt"

  /// The declared files of the prompt.
  struct Inputs {
    let values: FileInput
    let form: FileInput
  }

  /// Declares the files of the prompt as inputs of a later stage.
  static func declare(in list: inout InputList) -> Inputs {
    Inputs(values: list.output(values), form: list.output(form))
  }

  /// Makes the result of either stage.
  static func result(
    values numbers: Tensor, shape: AdapterShape, training record: JSON, summary: JSON
  ) -> StageResult {
    StageResult(
      outputs: [
        values: .bytes([UInt8](floats: numbers.values)),
        form: .bytes(shape.json.canonicalBytes),
        training: .bytes(record.canonicalBytes),
      ], summary: summary)
  }
}
