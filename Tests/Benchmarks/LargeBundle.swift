import BundleFormat
import Bytes
import Numerics

/// A bundle of random weights of about a given size, for costs that depend on the size alone.
enum LargeBundle {
  static let width = 1024

  /// Writes `bytes` bytes of float32 tensors and `prompts` prompts of 100 tokens, all bound to one
  /// made-up base model.
  static func write(to path: String, bytes: Int, prompts: Int) throws {
    let base = SHA256Digest(hashing: ByteSlice(Array("the base model".utf8)))
    let tokenizer = ByteSlice(Array(#"{"version":"1.0"}"#.utf8))
    var writer = BundleWriter(path: path)
    var random = SeededGenerator(seed: 7)
    let rows = 16_384
    // All tensors share one block of random values, because the cost doesn't depend on the content.
    let block = ByteSlice([UInt8](floats: (0..<rows * width).map { _ in Float(random.uniform()) }))
    for index in 0..<max(1, bytes / block.count) {
      writer.addTensor(
        try .dense(
          name: "model.layers.\(index).mlp.up_proj.weight", shape: [rows, width], format: .float32,
          values: block))
    }
    writer.add(.document(.tokenizer, bytes: tokenizer))
    writer.add(
      .provenance(
        Provenance(
          baseModel: base, tokenizer: SHA256Digest(hashing: tokenizer), data: [], recipe: nil,
          programVersion: "benchmark", kernelClass: "none", stages: [])))
    writer.add(.document(.modelConfiguration, json: ["hidden_size": .integer(Int64(width))]))
    for index in 0..<prompts {
      writer.addAdapter(
        StoredAdapter(
          name: "prompt-\(index)", tokens: 100, width: width,
          embeddings: (0..<100 * width).map { _ in Float(random.uniform()) },
          binding: StoredAdapter.Binding(
            baseModel: base, tokenizer: SHA256Digest(hashing: tokenizer), weights: nil),
          objective: "none"))
    }
    try writer.finish()
  }
}
