import Bytes
import Numerics

/// A model folder saved by transformers: config.json, one weights file or several with an index
/// (safetensors or PyTorch's .bin), and tokenizer.json or vocab.json with merges.txt.
struct HuggingFaceCheckpoint: TensorSource {
  let configuration: ModelConfiguration
  let tensorNames: [String]
  let tokenizer: TokenizerMaterial
  let files: [String]
  private let weights: FolderWeights
  /// Names in the files by model name, for the tensors whose names differ.
  private let storedNames: [String: String]

  /// - Throws: `inputMissing` if a file is missing, `invalidData` if one is malformed or the
  ///   tensors don't match the configuration.
  init(folder: String) throws(Failure) {
    let folder = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    func settings(_ name: String) throws(Failure) -> JSON {
      try JSON(reading: "\(folder)/\(name)")
    }
    var files = ["\(folder)/config.json"]
    let config = try settings("config.json")
    var generation: JSON?
    if Checkpoint.exists("\(folder)/generation_config.json") {
      generation = try settings("generation_config.json")
      files.append("\(folder)/generation_config.json")
    }
    configuration = try ModelConfiguration(
      huggingFace: config, generation: generation, file: "\(folder)/config.json")

    weights = try FolderWeights(folder: folder)
    tensorNames = configuration.modelTensors().map(\.name)
    let storedNames = Self.storedNames(of: tensorNames, in: weights)
    self.storedNames = storedNames
    let isTied = configuration.tiedEmbeddings
    try configuration.checkInventory(
      found: weights.tensors.mapValues(\.shape), file: weights.description,
      foundName: { storedNames[$0] ?? $0 },
      isIgnored: {
        // transformers ignores these too: the head of a tied model is its embedding, old LLaMA
        // checkpoints contain the rotary table, which follows from the configuration, and old OPT
        // ones contain the version of the program that wrote them.
        (isTied && $0 == "lm_head.weight") || $0.hasSuffix(".rotary_emb.inv_freq")
          || $0.hasSuffix("decoder.version")
      })
    for name in tensorNames {
      guard let entry = weights.tensors[storedNames[name] ?? name] else {
        throw Checkpoint.unknown(name, folder)
      }
      guard entry.type.floatFormat != nil else {
        throw Failure(
          .invalidData, file: weights.description, at: "tensor \(name.quoted)",
          "is stored as \(entry.type.rawValue); F32, F16 and BF16 are supported")
      }
    }
    let own = try FolderTokenizer(folder: folder)
    tokenizer = own.material
    self.files = files + weights.files + own.files
  }

  /// Names in the files by model name, for the tensors whose names differ. OPT's first checkpoints
  /// were saved from inside the causal model: "decoder.…" instead of "model.decoder.…".
  private static func storedNames(
    of names: [String], in weights: FolderWeights
  ) -> [String: String] {
    guard weights.tensors["decoder.embed_tokens.weight"] != nil else { return [:] }
    let inside = names.filter { $0.hasPrefix("model.decoder.") }
    return Dictionary(uniqueKeysWithValues: inside.map { ($0, String($0.dropFirst(6))) })
  }

  func shape(of name: String) -> [Int]? { stored(name)?.entry.shape }
  func sourceType(of name: String) -> String? { stored(name)?.entry.type.rawValue }

  func tensor(_ name: String) throws(Failure) -> Tensor {
    guard let (format, entry) = stored(name) else {
      throw Checkpoint.unknown(name, weights.description)
    }
    if format == .float32 { return Tensor(mapping: entry.bytes, shape: entry.shape) }
    defer { entry.release() }
    return BlockDequantizer.decode(
      entry.bytes, type: BlockType(format), shape: entry.shape)
  }

  func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    stored(name).map { ($0.format, $0.entry.bytes) }
  }

  /// The file's entry for a model tensor; nil for other tensors, even if the files contain them.
  private func stored(_ name: String) -> (format: FloatFormat, entry: WeightEntry)? {
    guard let entry = weights.tensors[storedNames[name] ?? name],
      !(configuration.tiedEmbeddings && name == "lm_head.weight"),
      let format = entry.type.floatFormat
    else { return nil }
    return (format, entry)
  }
}
