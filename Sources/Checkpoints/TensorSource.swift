import Bytes
import Numerics

/// A model's configuration, tensors and tokenizer, from a checkpoint of any format. Tensors are
/// read one at a time, never all at once.
///
/// Names and row order are Hugging Face's: `model.embed_tokens.weight`,
/// `model.layers.0.self_attn.q_proj.weight` and so on; matrices are [out, in]. Names, shapes and
/// the file's structure are checked when the source is opened, so that reading a listed tensor
/// fails only on a system error.
package protocol TensorSource: Sendable {
  var configuration: ModelConfiguration { get }
  /// The names of all tensors of the model, in the order of the computation; without
  /// `lm_head.weight` if it is tied.
  var tensorNames: [String] { get }
  /// The tensor's shape, outermost dimension first; nil for a name that isn't listed.
  func shape(of name: String) -> [Int]?
  /// The tensor's type in the file: "F32", "BF16", "Q4_1" …; nil for a name that isn't listed.
  func sourceType(of name: String) -> String?
  /// The matrix [out, in] in the form that products use: a view of the file if its layout allows.
  func weight(_ name: String) throws(Failure) -> Weight
  /// The tensor in float32: a view of the mapped file if it is stored in that form.
  func tensor(_ name: String) throws(Failure) -> Tensor
  /// The row-major bytes of a tensor stored as plain floats in Hugging Face's row order; nil for a
  /// tensor that is stored in any other way.
  func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)?
  var tokenizer: TokenizerMaterial { get }
  /// The paths of all files that were read, for digests.
  var files: [String] { get }
  /// Notes for the user on how the files were read, one sentence each.
  var notes: [String] { get }
}

extension TensorSource {
  package var notes: [String] { [] }

  package func weight(_ name: String) throws(Failure) -> Weight {
    if let shape = shape(of: name), shape.count == 2, let (format, bytes) = storedFloats(name),
      format != .float32
    {
      return .stored(format, bytes, rows: shape[0], columns: shape[1])
    }
    return .dense(try tensor(name))
  }
}

/// The tokenizer data of a checkpoint.
package enum TokenizerMaterial: Sendable {
  /// The bytes of `tokenizer.json`.
  case huggingFace(tokenizerJSON: ByteSlice)
  /// The older `vocab.json` with `merges.txt`.
  case bytePair(BytePairFiles)
  case gguf(GGUFVocabulary)
  case none
}
