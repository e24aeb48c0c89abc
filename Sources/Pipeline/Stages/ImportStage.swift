import BundleFormat
import Bytes
import Checkpoints
import Numerics
import Text

/// Checkpoint → one file with every tensor in plain numbers, the tokenizer and the configuration.
///
/// Floats are taken over byte for byte; other types (GGUF blocks) become the f32 that they decode
/// to, one tensor at a time, by way of a scratch file.
struct ImportStage: Stage {
  let source: any TensorSource
  let path: String

  static let name = "import"
  /// Outputs.
  static let model = "model"
  static let tokenizer = "tokenizer"

  var name: String { Self.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON { .object([:]) }
  var usesKernels: Bool { true }
  var unit: String { "tensor" }
  var work: Double { 40e-9 * Double(source.configuration.parameterCount) * 64 }
  var pace: Double { 0.15 }
  var needs: StageNeeds {
    StageNeeds(memory: 384 << 20, disk: source.configuration.halfBytes)
  }

  var inputs: [StageInput] {
    let files = source.files.sorted()
    if files.count == 1 { return [.file("checkpoint", files[0])] }
    return files.map {
      .file("checkpoint/" + ($0.split(separator: "/").last.map(String.init) ?? $0), $0)
    }
  }

  func run(_ context: StageContext) throws -> StageResult {
    let vocabulary = try ModelFile.tokenizer(of: source, path: path)
    let names = source.tensorNames
    var scratch = try AtomicFileWriter(path: context.partial.scratch("decoded"))
    var decoded: [String: Range<Int>] = [:]
    for (index, name) in names.enumerated() {
      try context.checkStop()
      if let at = try Checkpoint.firstNonFinite(of: name, in: source) {
        throw Failure(
          .invalidData, file: path, at: "tensor \"\(name)\"", "value \(at) is not a finite number",
          advice: "the checkpoint is damaged; fetch it again")
      }
      if source.storedFloats(name) == nil {
        try scratch.pad(to: 64)
        let start = scratch.offset
        try Self.write(try source.tensor(name), to: &scratch)
        decoded[name] = start..<scratch.offset
      }
      context.report(index + 1, of: names.count)
    }
    try scratch.publish()
    try context.checkStop()
    let file = try MappedFile(path: context.partial.scratch("decoded")).bytes
    let target = context.partial.scratch("model.ctpack")
    var writer = BundleWriter(path: target)
    for name in names {
      writer.addTensor(try stored(name, decoded[name].flatMap { file.slice($0) }))
    }
    writer.add(.document(.tokenizer, bytes: ByteSlice(vocabulary.canonicalJSON), layout: .json))
    writer.add(.document(.modelConfiguration, json: source.configuration.canonical))
    try writer.finish()
    return StageResult(
      outputs: [
        Self.model: .file(target), Self.tokenizer: .bytes(vocabulary.canonicalJSON),
      ],
      summary: [
        "parameters": JSON(source.configuration.parameterCount), "tensors": JSON(names.count),
        "family": .string(source.configuration.family.name),
      ])
  }

  /// The values in pieces, because the largest tensor is a large part of a model.
  private static func write(
    _ tensor: Tensor, to file: inout AtomicFileWriter
  ) throws(Failure) {
    let values = tensor.reshaped([tensor.count])
    for start in stride(from: 0, to: values.count, by: 1 << 20) {
      let piece = values.rows(start..<min(values.count, start + 1 << 20))
      try file.write([UInt8](floats: piece.values))
    }
  }

  private func stored(_ name: String, _ decoded: ByteSlice?) throws(Failure) -> StoredTensor {
    let shape = source.shape(of: name) ?? []
    if let decoded {
      return try .dense(name: name, shape: shape, format: .float32, values: decoded)
    }
    guard let original = source.storedFloats(name) else {
      throw Failure(.internalError, file: path, at: "tensor \"\(name)\"", "was not decoded")
    }
    return try .dense(
      name: name, shape: shape, format: original.format, values: original.bytes)
  }
}

extension ModelConfiguration {
  /// Weights of the linear layers of all blocks: what compression packs, and what a token is
  /// multiplied with.
  var linearCount: Int {
    layers * linears.reduce(0) { $0 + shape(of: $1).rows * shape(of: $1).columns }
  }

  /// All weights but gains and biases, a tied head counted once.
  var parameterCount: Int {
    let embeddings = vocabularySize * embeddingSize * (tiedEmbeddings ? 1 : 2)
    let projections = embeddingSize == hiddenSize ? 0 : 2 * embeddingSize * hiddenSize
    return linearCount + embeddings + projections + (positionRows ?? 0) * hiddenSize
  }

  /// Multiply-adds of one token's forward pass without attention, head included, in 10⁹.
  var forwardWork: Double { Double(linearCount + vocabularySize * embeddingSize) * 1e-9 }
}
