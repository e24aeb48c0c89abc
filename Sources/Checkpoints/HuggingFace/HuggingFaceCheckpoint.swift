import Bytes
import Numerics

/// A model folder saved by transformers: config.json, one weights file or several with an index
/// (safetensors or PyTorch's .bin), and tokenizer.json or vocab.json with merges.txt.
struct HuggingFaceCheckpoint: TensorSource {
  let configuration: ModelConfiguration
  let tensorNames: [String]
  let tokenizer: TokenizerMaterial
  let files: [String]
  let notes: [String]
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
    let path = "\(folder)/config.json"
    var configuration = try ModelConfiguration(
      huggingFace: config, generation: generation, file: path)
    var notes: [String] = []

    weights = try FolderWeights(folder: folder)
    var storedNames = Self.storedNames(
      of: configuration.modelTensors().map(\.name), in: weights)
    let keys = configuration.keys
    if configuration.tiedEmbeddings {
      let embedding = storedNames[keys.embedding] ?? keys.embedding
      switch OutputHead(embedding: weights.tensors[embedding], head: weights.tensors[keys.head]) {
      case .tied: break
      case .own:
        configuration.tiedEmbeddings = false
        notes.append(
          "\(path): tie_word_embeddings is true, but \(keys.head.quoted) differs from the"
            + " embedding and is used, as in transformers")
      case .shared: storedNames[keys.embedding] = keys.head
      }
    }
    let isTied = configuration.tiedEmbeddings
    notes += [
      configuration.family.configurationKeys.note(
        about: config.object?.keys ?? [], of: configuration.family.title, in: path,
        peer: "transformers")
    ].compactMap(\.self)
    self.notes = notes
    self.configuration = configuration
    tensorNames = configuration.modelTensors().map(\.name)
    let names = storedNames
    self.storedNames = names
    try configuration.checkInventory(
      found: weights.tensors.mapValues(\.shape), file: weights.description,
      foundName: { names[$0] ?? $0 },
      isIgnored: {
        // transformers ignores these too: a head that repeats the embedding, the rotary table of old
        // LLaMA checkpoints, which follows from the configuration, and in old OPT ones the version of
        // the program that wrote them.
        (isTied && $0 == keys.head) || $0.hasSuffix(".rotary_emb.inv_freq")
          || $0.hasSuffix("decoder.version")
      })
    for name in tensorNames {
      guard let entry = weights.tensors[names[name] ?? name] else {
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
      !(configuration.tiedEmbeddings && name == configuration.keys.head),
      let format = entry.type.floatFormat
    else { return nil }
    return (format, entry)
  }
}
