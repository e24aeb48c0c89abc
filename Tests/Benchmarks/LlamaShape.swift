import ArgumentParser
import Bytes
import Foundation
import Numerics
import TestSupport

/// The command `llama-shape`: writes a checkpoint of LLaMA-7B's shape with random weights. Memory and time
/// don't depend on the weights' values.
struct LlamaShape: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint of LLaMA-7B's shape with random bfloat16 weights, in safetensors."
  )

  @Argument(help: "The folder to write; it must not exist.") var folder: String
  @Option(help: "Blocks (LLaMA-7B has 32: 13.5 GB).") var blocks = 32

  func run() throws {
    let checkpoint = LlamaCheckpoint(blocks: blocks)
    try checkpoint.write(to: folder)
    print("\(folder): \(blocks) blocks, \(figure(Double(checkpoint.byteCount) / 1e9)) GB")
  }
}

/// A checkpoint of LLaMA-7B's shape with random bfloat16 weights.
struct LlamaCheckpoint {
  let blocks: Int
  let hidden = 4096
  let intermediate = 11008
  let heads = 32
  let vocabulary = 32000

  private typealias Item = (name: String, shape: [Int])

  /// Tensors by shard: one shard per block, then one with embeddings, the final norm and the output layer.
  private var shards: [[Item]] {
    (0..<blocks).map { index in
      let prefix = "model.layers.\(index)."
      let attention = ["q", "k", "v", "o"].map {
        (prefix + "self_attn.\($0)_proj.weight", [hidden, hidden])
      }
      return attention + [
        (prefix + "mlp.gate_proj.weight", [intermediate, hidden]),
        (prefix + "mlp.up_proj.weight", [intermediate, hidden]),
        (prefix + "mlp.down_proj.weight", [hidden, intermediate]),
        (prefix + "input_layernorm.weight", [hidden]),
        (prefix + "post_attention_layernorm.weight", [hidden]),
      ]
    } + [
      [
        ("model.embed_tokens.weight", [vocabulary, hidden]),
        ("model.norm.weight", [hidden]), ("lm_head.weight", [vocabulary, hidden]),
      ]
    ]
  }

  /// Bytes of all tensors.
  var byteCount: Int { shards.joined().reduce(0) { $0 + 2 * $1.shape.reduce(1, *) } }

  /// Writes configuration, tokenizer, shards and index to a folder.
  func write(to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let config: JSON = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
      "hidden_size": JSON(hidden), "intermediate_size": JSON(intermediate),
      "num_hidden_layers": JSON(blocks), "num_attention_heads": JSON(heads),
      "num_key_value_heads": JSON(heads), "vocab_size": JSON(vocabulary),
      "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2,
    ]
    try AtomicFile.write(config.canonicalBytes, to: folder + "/config.json")
    try AtomicFile.write(TinyCheckpoint.tokenizer.canonicalBytes, to: folder + "/tokenizer.json")
    var map = JSONObject()
    var values = RandomHalves(seed: 7)
    let shards = shards
    for (index, shard) in shards.enumerated() {
      let file = "model-\(index + 1)-of-\(shards.count).safetensors"
      for item in shard { map[item.name] = .string(file) }
      try write(shard, to: folder + "/" + file, &values)
    }
    let list: JSON = ["metadata": ["total_size": JSON(byteCount)], "weight_map": .object(map)]
    try AtomicFile.write(list.canonicalBytes, to: folder + "/model.safetensors.index.json")
  }

  private func write(_ shard: [Item], to path: String, _ values: inout RandomHalves) throws {
    var header = JSONObject()
    var end = 0
    for item in shard {
      let start = end
      end += 2 * item.shape.reduce(1, *)
      header[item.name] = [
        "dtype": "BF16", "shape": JSON(item.shape), "data_offsets": JSON([start, end]),
      ]
    }
    var text = JSON.object(header).canonicalBytes
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    var length: [UInt8] = []
    length.append(littleEndian: UInt64(text.count))
    var file = try AtomicFileWriter(path: path)
    try file.write(length)
    try file.write(text)
    for item in shard {
      var left = item.shape.reduce(1, *)
      while left > 0 {
        let count = min(left, 1 << 22)
        try file.write(item.shape.count == 1 ? values.ones(count) : values.normals(count))
        left -= count
      }
    }
    try file.publish()
  }
}

/// A generator of bfloat16 values with standard deviation 0.02, as in LLaMA's initialisation: 16 random bits
/// index a table of 65,536 normal values.
struct RandomHalves {
  private var generator: SeededGenerator
  private let table: [UInt16]

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    var random = SeededGenerator(seed: seed + 1)
    table = (0..<1 << 16).map { _ in UInt16(Float(0.02 * random.normal()).bitPattern >> 16) }
  }

  /// `count` normal values, little-endian.
  mutating func normals(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * count)
    while bytes.count < 2 * count {
      let bits = generator.next()
      for shift in [0, 16, 32, 48] as [UInt64] {
        let value = table[Int(truncatingIfNeeded: bits >> shift & 0xFFFF)]
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
      }
    }
    bytes.removeLast(bytes.count - 2 * count)
    return bytes
  }

  /// `count` ones, little-endian.
  func ones(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<count { bytes.append(littleEndian: UInt16(0x3F80)) }
    return bytes
  }
}
