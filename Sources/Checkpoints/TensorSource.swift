import Bytes
import Numerics

/// The tensors of one model, wherever they lie: read one at a time, never all at once.
///
/// Names and row order are Hugging Face's: `model.embed_tokens.weight`,
/// `model.layers.0.self_attn.q_proj.weight` and so on; matrices are [out, in]. Names, shapes and
/// the file's structure are checked when the source is opened, so that reading a listed tensor
/// fails only where the system does.
package protocol TensorSource: Sendable {
  var configuration: ModelConfiguration { get }
  /// Every tensor of the model, in the order of the computation; no `lm_head.weight` where it is
  /// tied.
  var tensorNames: [String] { get }
  /// Outermost dimension first; nil for a name that isn't listed.
  func shape(of name: String) -> [Int]?
  /// How the file stores it: "F32", "BF16", "Q4_1" …; nil for a name that isn't listed.
  func sourceType(of name: String) -> String?
  /// A matrix as products take it: a view of the file wherever its layout allows.
  func weight(_ name: String) throws(Failure) -> Weight
  /// The tensor as float32; a view of the mapped file where that already holds it in that form.
  func tensor(_ name: String) throws(Failure) -> Tensor
  /// The stored bytes, row-major, of plain floats in Hugging Face's row order; nil for a tensor that
  /// is stored in any other way.
  func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)?
  var tokenizer: TokenizerMaterial { get }
  /// Every file that was read, for digests.
  var files: [String] { get }
}

extension TensorSource {
  package func weight(_ name: String) throws(Failure) -> Weight {
    if let shape = shape(of: name), shape.count == 2, let (format, bytes) = storedFloats(name),
      format != .float32
    {
      return .stored(format, bytes, rows: shape[0], columns: shape[1])
    }
    return .dense(try tensor(name))
  }
}

/// What a checkpoint says about its tokenizer.
package enum TokenizerMaterial: Sendable {
  /// The bytes of `tokenizer.json`.
  case huggingFace(tokenizerJSON: ByteSlice)
  case bytePair(BytePairFiles)
  case gguf(GGUFVocabulary)
  case none
}
