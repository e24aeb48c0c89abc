import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// A bundle of LLaMA-7B's shape with random codes, for the cost of reading weights.
enum SyntheticModel {
  /// Writes the bundle with `layers` blocks; all blocks share the same matrices.
  static func write(to path: String, layers: Int, bits: Int, sparsity: RandomCodes.Sparsity) throws
  {
    let (width, inner, vocabulary, heads) = (4096, 11008, 32000, 32)
    let document = ByteSlice(
      Array(
        """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","hidden_size":\(width),\
        "intermediate_size":\(inner),"max_position_embeddings":4096,"num_attention_heads":\(heads),\
        "num_hidden_layers":\(layers),"num_key_value_heads":\(heads),"rms_norm_eps":1e-5,"rope_theta":10000.0,\
        "tie_word_embeddings":false,"vocab_size":\(vocabulary),"bos_token_id":1,"eos_token_id":2}
        """.utf8))
    let configuration = try ModelConfiguration(huggingFace: JSON(parsing: document), file: path)
    var writer = BundleWriter(path: path)
    let square = try RandomCodes(rows: width, columns: width, bits: bits, sparsity: sparsity)
    let wide = try RandomCodes(rows: inner, columns: width, bits: bits, sparsity: sparsity)
    let tall = try RandomCodes(rows: width, columns: inner, bits: bits, sparsity: sparsity)
    let ones = ByteSlice([UInt8](floats: [Float](repeating: 1, count: width)))
    func gain(_ name: String) throws -> StoredTensor {
      try .dense(name: name, shape: [width], format: .float32, values: ones)
    }
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      writer.addTensor(try gain(prefix + "input_layernorm.weight"))
      writer.addTensor(try gain(prefix + "post_attention_layernorm.weight"))
      for name in ["q", "k", "v", "o"] {
        writer.addTensor(square.named(prefix + "self_attn.\(name)_proj.weight"))
      }
      writer.addTensor(wide.named(prefix + "mlp.gate_proj.weight"))
      writer.addTensor(wide.named(prefix + "mlp.up_proj.weight"))
      writer.addTensor(tall.named(prefix + "mlp.down_proj.weight"))
    }
    writer.addTensor(try gain("model.norm.weight"))
    var random = SeededGenerator(seed: 3)
    // float16 around ±2⁻⁶.
    let halves = ByteSlice(
      (0..<vocabulary * width).flatMap { _ -> [UInt8] in
        let bits = random.next()
        return [UInt8(truncatingIfNeeded: bits), 0x24 | UInt8(bits >> 8 & 0x80)]
      })
    for name in ["model.embed_tokens.weight", "lm_head.weight"] {
      writer.addTensor(
        try .dense(name: name, shape: [vocabulary, width], format: .float16, values: halves))
    }
    writer.add(.document(.modelConfiguration, json: configuration.canonical))
    try writer.finish()
  }
}
