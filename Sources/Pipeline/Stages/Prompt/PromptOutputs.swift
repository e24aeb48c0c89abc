import Builds
import BundleFormat
import Bytes
import Models
import Numerics

/// The files that the stage `prompt` leaves. Two kinds of stage make them: one that learns a prompt
/// and one that takes a given text; a build has one of the two.
enum PromptOutputs {
  /// The name of either stage.
  static let stage = "prompt"
  /// The numbers, float32.
  static let values = StageOutput("prompt", of: stage)
  /// The shape of the numbers, an `AdapterShape`.
  static let form = StageOutput("form", of: stage)
  /// A record of how the prompt came about.
  static let training = StageOutput("training", of: stage)

  static let all = [values, form, training]

  /// The files that make up the prompt itself.
  struct Inputs {
    let values: FileInput
    let form: FileInput
  }

  static func declare(in list: inout InputList) -> Inputs {
    Inputs(values: list.output(values), form: list.output(form))
  }

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
