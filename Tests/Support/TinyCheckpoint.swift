import Bytes
import Foundation

/// A random model with a byte-level tokenizer, small enough to build a bundle from in a test.
package struct TinyCheckpoint: Sendable {
  package enum Family: Sendable {
    case llama
    case opt
    /// OPT 350M's design: norms after attention and feed-forward, embeddings narrower than the
    /// model.
    case opt350M
  }

  package var family = Family.llama
  package var seed: UInt64 = 1
  package var hidden = 24
  package var intermediate = 40
  package var layers = 3
  package var heads = 3
  package var kvHeads = 1
  package var headDim = 8
  /// The name of a tensor in which value 5 is `damage`; nil for none.
  package var damaged: String?
  package var damage = Float.nan
  /// Factors of all values of the tensors of these names.
  package var factors: [String: Float] = [:]

  package init() {}

  private static let merges = ["Ġ t", "h e", "Ġt he", "i n", "a n", "r e"]
  var vocabularySize: Int { 257 + Self.merges.count }

  /// Writes config.json, model.safetensors and tokenizer.json into the folder `name`; returns its
  /// path.
  @discardableResult
  package func write(to folder: TemporaryFolder, _ name: String = "model") throws -> String {
    try folder.write(name + "/config.json", configuration.canonicalBytes)
    try folder.write(name + "/tokenizer.json", Self.tokenizer.canonicalBytes)
    try folder.write(name + "/model.safetensors", safetensors())
    return folder.file(name)
  }

  private var configuration: JSON { family == .llama ? llamaConfiguration : optConfiguration }

  private var llamaConfiguration: JSON {
    [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
      "vocab_size": JSON(vocabularySize), "hidden_size": JSON(hidden),
      "intermediate_size": JSON(intermediate), "num_hidden_layers": JSON(layers),
      "num_attention_heads": JSON(heads), "num_key_value_heads": JSON(kvHeads),
      "head_dim": JSON(headDim), "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "max_position_embeddings": 512, "tie_word_embeddings": true, "attention_bias": false,
      "mlp_bias": false, "bos_token_id": 0, "eos_token_id": 0,
    ]
  }

  /// A tensor of normally distributed values with mean `offset` and standard deviation `scale`.
  struct Drawn {
    let name: String
    let shape: [Int]
    let scale: Float
    let offset: Float

    init(_ name: String, _ shape: [Int], _ scale: Float, offset: Float = 0) {
      (self.name, self.shape, self.scale, self.offset) = (name, shape, scale, offset)
    }
  }

  private var llamaTensors: [Drawn] {
    var tensors: [Drawn] = []
    tensors.append(Drawn("model.embed_tokens.weight", [vocabularySize, hidden], 1))
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      tensors.append(Drawn(prefix + "input_layernorm.weight", [hidden], 0.1, offset: 1))
      tensors.append(Drawn(prefix + "self_attn.q_proj.weight", [heads * headDim, hidden], 0.3))
      tensors.append(Drawn(prefix + "self_attn.k_proj.weight", [kvHeads * headDim, hidden], 0.3))
      tensors.append(Drawn(prefix + "self_attn.v_proj.weight", [kvHeads * headDim, hidden], 0.3))
      tensors.append(Drawn(prefix + "self_attn.o_proj.weight", [hidden, heads * headDim], 0.3))
      tensors.append(Drawn(prefix + "post_attention_layernorm.weight", [hidden], 0.1, offset: 1))
      tensors.append(Drawn(prefix + "mlp.gate_proj.weight", [intermediate, hidden], 0.3))
      tensors.append(Drawn(prefix + "mlp.up_proj.weight", [intermediate, hidden], 0.3))
      tensors.append(Drawn(prefix + "mlp.down_proj.weight", [hidden, intermediate], 0.3))
    }
    tensors.append(Drawn("model.norm.weight", [hidden], 0.1, offset: 1))
    return tensors
  }

  /// The names of all tensors.
  package var tensorNames: [String] {
    (family == .llama ? llamaTensors : optTensors).map(\.name)
  }

  private func safetensors() -> [UInt8] {
    var random = TestRandom(fixture: seed)
    /// Draws an approximately normal number: the sum of twelve uniform ones, less 6.
    func normal() -> Float {
      (0..<12).reduce(Float(-6)) { sum, _ in sum + Float(random.next() >> 40) / Float(1 << 24) }
    }
    var header = JSONObject()
    var body: [UInt8] = []
    func add(_ name: String, _ shape: [Int], scale: Float, offset: Float = 0) {
      let start = body.count
      for index in 0..<shape.reduce(1, *) {
        let isDamaged = name == damaged && index == 5
        let value = (offset + scale * normal()) * (factors[name] ?? 1)
        body.append(littleEndian: (isDamaged ? damage : value).bitPattern)
      }
      header[name] = [
        "dtype": "F32", "shape": JSON(shape), "data_offsets": JSON([start, body.count]),
      ]
    }
    for tensor in family == .llama ? llamaTensors : optTensors {
      add(tensor.name, tensor.shape, scale: tensor.scale, offset: tensor.offset)
    }
    var text = JSON.object(header).canonicalBytes
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(text.count))
    return bytes + text + body
  }

  /// The `tokenizer.json` of a byte-level tokenizer with a few merges, for any model whose
  /// vocabulary is at least as large.
  package static let tokenizer: JSON = {
    var vocabulary = JSONObject()
    vocabulary["<|endoftext|>"] = 0
    for byte in 0..<256 { vocabulary[character(byte)] = JSON(byte + 1) }
    for (index, merge) in merges.enumerated() {
      vocabulary[merge.replacing(" ", with: "")] = JSON(257 + index)
    }
    let byteLevel: JSON = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    ]
    return [
      "version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil,
      "added_tokens": [
        [
          "id": 0, "content": "<|endoftext|>", "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false, "special": true,
        ]
      ],
      "pre_tokenizer": byteLevel, "post_processor": byteLevel, "decoder": byteLevel,
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
        "vocab": .object(vocabulary), "merges": JSON(merges),
      ],
    ]
  }()

  /// The character for a byte in byte-level vocabularies: itself if printable, otherwise the next
  /// unused character from U+0100 on.
  private static func character(_ byte: Int) -> String {
    let prints = { (b: Int) in (33...126).contains(b) || (161...172).contains(b) || b >= 174 }
    let code = prints(byte) ? byte : 256 + (0..<byte).count { !prints($0) }
    return Unicode.Scalar(UInt32(code)).map { String(Character($0)) } ?? ""
  }

  /// Returns a text of `words` random English words, different for each seed.
  package static func text(words: Int, seed: UInt64) -> String {
    var random = TestRandom(fixture: seed)
    let list = [
      "the", "in", "a", "there", "and", "then", "rain", "tree", "reed", "train", "he", "an", "inn",
      "hare", "thin", "tin", "near",
    ]
    return (0..<words).map { _ in list[Int(random.next() % UInt64(list.count))] }
      .joined(separator: " ")
  }
}
