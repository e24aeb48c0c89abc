import Bytes
import Numerics

/// A model in a GGUF file, presented with Hugging Face's tensor names and row order.
package struct GGUFCheckpoint: TensorSource {
  package let configuration: ModelConfiguration
  package let tensorNames: [String]
  package let tokenizer: TokenizerMaterial
  /// The paths of the file or, of a split model, of all its parts.
  package let files: [String]
  package let notes: [String]
  private let file: GGUFFile

  /// - Parameter files: The paths of all parts of a split model; nil for a single file.
  /// - Throws: `invalidData` if the metadata doesn't describe a supported model or the tensors
  ///   don't match it.
  package init(file: GGUFFile, files: [String]? = nil) throws(Failure) {
    self.file = file
    self.files = files ?? [file.path]
    configuration = try ModelConfiguration(gguf: file)
    notes = file.metadata.notes(architecture: configuration.family.gguf?.architecture ?? "")
    tensorNames = configuration.modelTensors().map(\.name)
    try configuration.checkInventory(
      found: file.tensors.mapValues(\.shape), file: file.path,
      foundName: { Self.ggufName($0) ?? $0 },
      isIgnored: { $0 == "rope_freqs.weight" })
    let vocabulary = try GGUFVocabulary(
      file.metadata, vocabularySize: configuration.vocabularySize)
    tokenizer = vocabulary.map { .gguf($0) } ?? .none
  }

  private func entry(_ name: String) -> GGUFFile.Entry? {
    Self.ggufName(name).flatMap { file.tensors[$0] }
  }

  package func shape(of name: String) -> [Int]? { entry(name)?.shape }
  package func sourceType(of name: String) -> String? { entry(name)?.type.name }

  package func tensor(_ name: String) throws(Failure) -> Tensor {
    guard let entry = entry(name) else { throw Checkpoint.unknown(name, file.path) }
    let order = rowOrder(name)
    if entry.type == .f32, order == nil {
      return Tensor(mapping: entry.bytes, shape: entry.shape)
    }
    defer { file.release(entry) }
    return BlockDequantizer.decode(
      entry.bytes, type: entry.type, shape: entry.shape, rowOrder: order)
  }

  package func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    guard let entry = entry(name), rowOrder(name) == nil else { return nil }
    return entry.type.floatFormat.map { ($0, entry.bytes) }
  }

  /// The file's row index for each row of `name`; nil if the rows are stored in order.
  ///
  /// In files of the architecture "llama", rows of q and k are stored so that the two channels of
  /// each rotary pair are adjacent: within a head, row 2i is Hugging Face's row i, and row 2i + 1
  /// its row i + headDim / 2.
  private func rowOrder(_ name: String) -> [Int]? {
    guard configuration.family.gguf?.hasPairedRotaryRows == true else { return nil }
    let parts = name.split(separator: ".")
    guard parts.count == 6 else { return nil }
    let heads: Int
    switch parts[4] {
    case "q_proj": heads = configuration.heads
    case "k_proj": heads = configuration.kvHeads
    default: return nil
    }
    let half = configuration.headDim / 2
    return (0..<heads).flatMap { head in
      (0..<2 * half).map { row in head * 2 * half + (row < half ? 2 * row : 2 * (row - half) + 1) }
    }
  }
}

extension GGUFCheckpoint {
  private static let topNames = [
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
  ]
  private static let layerNames = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  ]

  /// The GGUF name of a tensor: "model.layers.3.mlp.up_proj.weight" is "blk.3.ffn_up.weight"; nil
  /// for a name that isn't a model tensor's.
  static func ggufName(_ name: String) -> String? {
    if let top = topNames[name] { return top }
    let parts = name.split(separator: ".")
    guard parts.count >= 5, parts[0] == "model", parts[1] == "layers", let end = parts.last,
      let stem = layerNames[parts[3..<parts.count - 1].joined(separator: ".")]
    else { return nil }
    return "blk.\(parts[2]).\(stem).\(end)"
  }
}
