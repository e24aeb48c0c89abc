import Bytes
import Numerics

extension ModelConfiguration {
  /// Reads the configuration of a GGUF file from its metadata, whose keys are prefixed by the
  /// architecture ("llama.block_count" …).
  ///
  /// LLaMA and Mistral models both have the architecture "llama". The tensors decide what the
  /// metadata doesn't say: vocabulary size, biases, tied embeddings and llama3 frequency divisors.
  ///
  /// - Throws: `invalidData` naming the key or tensor that is missing, invalid or not supported.
  package init(gguf file: GGUFFile) throws(Failure) {
    let metadata = file.metadata
    let architecture = try metadata.string("general.architecture") ?? ""
    guard let family = ModelFamily.all.first(where: { $0.gguf?.architecture == architecture }),
      var design = family.gguf?.design
    else {
      throw metadata.failure(
        "general.architecture",
        architecture.isEmpty ? "is missing" : "the architecture \(architecture.quoted) isn't known",
        advice: ModelFamily.supportedInGGUF)
    }
    func key(_ name: String) -> String { "\(architecture).\(name)" }
    try metadata.check(architecture: architecture)

    let hiddenSize = try metadata.requiredInteger(key("embedding_length"), in: Limit.width)
    let heads = try metadata.requiredInteger(key("attention.head_count"), in: Limit.heads)
    let headDim = try Self.headDim(metadata, key, hiddenSize: hiddenSize, heads: heads)
    guard let embedding = file.tensors["token_embd.weight"], embedding.shape.count == 2 else {
      throw Failure(
        .invalidData, file: file.path, at: "tensor \"token_embd.weight\"",
        "is missing or isn't a matrix"
      )
    }
    let vocabulary = embedding.shape[0]
    guard Limit.vocabulary.contains(vocabulary) else {
      throw Failure(
        .invalidData, file: file.path, at: "tensor \"token_embd.weight\"",
        "has \(vocabulary) rows; a vocabulary has at most \(Limit.vocabulary.upperBound) tokens")
    }
    let window = try metadata.integer(
      key("attention.sliding_window"), in: 0...Limit.positions.upperBound)

    var ends: [Int32] = []
    for name in ["eos_token_id", "eot_token_id", "eom_token_id"] {
      if let token = try metadata.token(name, below: vocabulary), !ends.contains(token) {
        ends.append(token)
      }
    }
    design.biases = file.tensors["blk.0.attn_q.bias"] != nil ? .queryKeyValue : .none
    self.init(
      family: family, design: design,
      vocabularySize: vocabulary,
      hiddenSize: hiddenSize,
      intermediateSize: try metadata.requiredInteger(key("feed_forward_length"), in: Limit.width),
      layers: try metadata.requiredInteger(key("block_count"), in: Limit.layers),
      heads: heads,
      kvHeads: try metadata.integer(key("attention.head_count_kv"), in: Limit.heads) ?? heads,
      headDim: headDim,
      normEpsilon: Float(
        try metadata.requiredNumber(key("attention.layer_norm_rms_epsilon"))),
      ropeTheta: try metadata.number(key("rope.freq_base")) ?? 10000,
      ropeScaling: try Self.scaling(file, key, headDim: headDim),
      tiedEmbeddings: file.tensors["output.weight"] == nil,
      maximumPositions: try metadata.requiredInteger(key("context_length"), in: Limit.positions),
      slidingWindow: window == 0 ? nil : window,
      bosToken: try metadata.token("bos_token_id", below: vocabulary), eosTokens: ends)
    try checkConsistency(file: file.path)
  }

  private static func headDim(
    _ metadata: GGUFMetadata, _ key: (String) -> String, hiddenSize: Int, heads: Int
  ) throws(Failure) -> Int {
    let length = try metadata.integer(key("attention.key_length"), in: Limit.headDim)
    if length == nil, hiddenSize % heads != 0 {
      throw metadata.failure(
        key("attention.head_count"), "\(heads) heads don't divide the width \(hiddenSize) evenly")
    }
    let headDim = length ?? hiddenSize / heads
    for name in ["attention.value_length", "rope.dimension_count"] {
      if let other = try metadata.integer(key(name), in: Limit.headDim), other != headDim {
        throw metadata.failure(
          key(name), "is \(other), but heads have \(headDim) channels; the two must be equal")
      }
    }
    return headDim
  }

  private static func scaling(
    _ file: GGUFFile, _ key: (String) -> String, headDim: Int
  ) throws(Failure) -> RopeScaling {
    let metadata = file.metadata
    let type = try metadata.string(key("rope.scaling.type")) ?? "linear"
    guard type == "none" || type == "linear" else {
      throw metadata.failure(
        key("rope.scaling.type"), "the rope scaling \(type.quoted) isn't known",
        advice: "none, linear and llama3 (as rope_freqs.weight) are supported")
    }
    var factor = 1.0
    if type == "linear" {
      let older = try metadata.number(key("rope.scale_linear"))
      factor = try metadata.number(key("rope.scaling.factor")) ?? older ?? 1
      // Some writers store 0 for "no scaling".
      if factor == 0 { factor = 1 }
    }
    guard let entry = file.tensors["rope_freqs.weight"] else {
      return factor == 1 ? .none : .linear(factor: factor)
    }
    guard entry.type == .f32, entry.shape == [headDim / 2] else {
      throw Failure(
        .invalidData, file: file.path, at: "tensor \"rope_freqs.weight\"",
        "has type \(entry.type.name) and shape \(entry.shape); expected F32 and [\(headDim / 2)]")
    }
    let divisors = BlockDequantizer.decode(entry.bytes, type: .f32, shape: entry.shape).values
    if factor == 1, divisors.allSatisfy({ $0 == 1 }) { return .none }
    return .divisors(divisors.map { $0 * Float(factor) })
  }
}

extension GGUFMetadata {
  func requiredNumber(_ key: String) throws(Failure) -> Double {
    guard let value = try number(key) else { throw failure(key, "is missing") }
    return value
  }

  /// The id of a special token under `tokenizer.ggml.`; nil if the key is absent or all bits are
  /// ones, which means none.
  func token(_ name: String, below vocabulary: Int) throws(Failure) -> Int32? {
    let key = "tokenizer.ggml.\(name)"
    guard let id = try integer(key, in: -1...Int(UInt32.max)) else { return nil }
    if id == -1 || id == Int(UInt32.max) { return nil }
    guard id < vocabulary else {
      throw failure(key, "the token \(id) is outside the vocabulary of \(vocabulary)")
    }
    return Int32(id)
  }
}
