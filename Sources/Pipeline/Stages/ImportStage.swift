import Builds
import BundleFormat
import Bytes
import Checkpoints
import Numerics
import Text

/// The stage that imports a checkpoint into a bundle of uncompressed tensors, the tokenizer and the
/// configuration.
///
/// Floating-point tensors are copied byte for byte. Other types (GGUF blocks) are decoded to
/// float32 into a scratch file, one tensor at a time.
struct ImportStage: Stage {
  let source: any TensorSource
  /// The path of the checkpoint.
  let path: String

  static let name = "import"
  /// The bundle of uncompressed tensors.
  static let model = StageOutput("model", of: name)
  /// The tokenizer as a tokenizer.json.
  static let tokenizer = StageOutput("tokenizer", of: name)

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

  var outputs: [StageOutput] { [Self.model, Self.tokenizer] }

  /// Declares the checkpoint's files. There are no handles, because `source` reads the files.
  func declareInputs(in list: inout InputList) {
    let files = source.files.sorted()
    for file in files {
      list.file(file, as: files.count == 1 ? "checkpoint" : "checkpoint/" + PathNames.last(file))
    }
  }

  func run(_ context: StageContext, _ inputs: Void) throws -> StageResult {
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
    var writer = BundleWriter(ownFile: target)
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

  /// Writes a tensor's values in pieces, because the largest tensor is a large part of a model.
  private static func write(
    _ tensor: Tensor, to file: inout AtomicFileWriter
  ) throws(Failure) {
    let values = tensor.reshaped([tensor.count])
    for start in stride(from: 0, to: values.count, by: 1 << 20) {
      let piece = values.rows(start..<min(values.count, start + 1 << 20))
      try file.write([UInt8](floats: piece.values))
    }
  }

  /// Returns a tensor for the bundle: decoded to float32 if `decoded` is given, otherwise as stored
  /// in the checkpoint.
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
