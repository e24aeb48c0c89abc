import Bytes
import Numerics

/// A model's architecture without its weights: enough to plan a build, but not to run the model.
package struct OutlinedCheckpoint: TensorSource {
  package let configuration: ModelConfiguration

  /// - Parameter path: A Hugging Face `config.json`.
  package init(configuration path: String) throws(Failure) {
    let json = try JSON(reading: path)
    configuration = try ModelConfiguration(huggingFace: json, file: path)
  }

  package var tensorNames: [String] { [] }
  package func shape(of name: String) -> [Int]? { nil }
  package func sourceType(of name: String) -> String? { nil }
  package func tensor(_ name: String) throws(Failure) -> Tensor {
    throw Failure(.inputMissing, at: "tensor \"\(name)\"", "only the model's architecture is known")
  }
  package func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    nil
  }
  package var tokenizer: TokenizerMaterial { .none }
  package var files: [String] { [] }
}
