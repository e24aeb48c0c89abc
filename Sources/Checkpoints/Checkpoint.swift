import Bytes
import FoundationEssentials
import Numerics

/// Entry points for opening and checking a checkpoint of any supported format.
package enum Checkpoint {
  /// Opens the model at `path`: a folder saved by transformers, a GGUF file, a part of one that is
  /// split, or a folder with one GGUF file.
  ///
  /// Everything but the weights' values is read and checked here: the files' structure, and names
  /// and shapes against the configuration.
  ///
  /// - Throws: `inputMissing` if a file doesn't exist, `invalidData` if one is malformed, is of
  ///   another kind or doesn't match the configuration.
  package static func open(_ path: String) throws(Failure) -> any TensorSource {
    guard isFolder(path) else { return try openFile(path) }
    let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
    if !FolderWeights.arePresent(in: folder), let file = try GGUFParts.only(in: folder) {
      return try openFile(file)
    }
    if !exists("\(folder)/config.json") { throw unknownFolder(folder) }
    return try HuggingFaceCheckpoint(folder: folder)
  }

  private static func openFile(_ path: String) throws(Failure) -> any TensorSource {
    let file = try MappedFile(path: path)
    let content = FileContent(of: file.bytes)
    guard content == .gguf else { throw wrongFile(path, content) }
    let parts = try GGUFParts(of: GGUFFile(mapping: file))
    return try GGUFCheckpoint(file: parts.joined(), files: parts.paths)
  }

  /// The failure of a file that isn't a checkpoint, by what it is.
  private static func wrongFile(_ path: String, _ content: FileContent) -> Failure {
    let name = PathNames.last(path)
    let inFolder = "give the folder that contains it and its config.json"
    switch content {
    case .safetensors, .zip, .pickle:
      return Failure(
        .invalidData, file: path, "is \(content.words), which holds weights alone", advice: inFolder
      )
    case .bundle:
      return Failure(
        .invalidData, file: path, "is a ctpack bundle, not a checkpoint",
        advice: "give the folder or GGUF file that it was made from")
    case .json where name == "config.json":
      return Failure(
        .invalidData, file: path, "is a model's configuration, not the model",
        advice: "give the folder that contains it")
    case .other:
      return Failure(
        .invalidData, file: path, "is neither a GGUF file nor a folder with a config.json",
        advice: name.hasSuffix(".safetensors") || name.hasSuffix(".bin") ? inFolder : nil)
    default:
      do {
        try FileContent.expect(.model, in: MappedFile(path: path).bytes, file: path)
      } catch { return error }
      return Failure(.invalidData, file: path, "is \(content.words)")
    }
  }

  /// The failure of a folder that holds neither a model of transformers nor a GGUF file.
  private static func unknownFolder(_ folder: String) -> Failure {
    let names = ((try? Folder.names(in: folder)) ?? []).sorted()
    var advice: String?
    if names.contains("adapter_config.json") {
      advice = "it holds a PEFT adapter; give the folder of the model that it belongs to"
    } else if let bundle = names.first(where: { $0.hasSuffix(".ctpack") }) {
      advice = "it holds the bundle \(bundle.quoted); give that where a bundle is expected"
    } else if let inner = names.first(where: { exists("\(folder)/\($0)/config.json") }) {
      advice = "the folder \(inner.quoted) in it has one"
    }
    return Failure(
      .inputMissing, file: "\(folder)/config.json",
      "is missing, and the folder has no GGUF file", advice: advice)
  }

  /// The flat index of a tensor's first NaN or infinity; nil if all values are finite.
  package static func firstNonFinite(in tensor: Tensor) -> Int? { tensor.firstNonFinite }

  /// The flat index of the first NaN or infinity in a tensor; nil if all values are finite.
  ///
  /// Plain floats are read piece by piece, so that a large tensor is never in memory as a whole.
  package static func firstNonFinite(
    of name: String, in source: any TensorSource
  ) throws(Failure) -> Int? {
    guard let (format, bytes) = source.storedFloats(name) else {
      return try source.tensor(name).firstNonFinite
    }
    let count = bytes.count / format.byteCount
    for start in stride(from: 0, to: count, by: pieceValues) {
      let end = min(count, start + pieceValues)
      let range = start * format.byteCount..<end * format.byteCount
      guard let piece = bytes.slice(range) else { break }
      defer { piece.release() }
      let values =
        format == .float32
        ? Tensor(mapping: piece, shape: [end - start])
        : BlockDequantizer.decode(
          piece, type: BlockType(format), shape: [end - start])
      if let index = values.firstNonFinite { return start + index }
    }
    return nil
  }

  /// Values per piece: 16 MiB in float32.
  private static let pieceValues = 1 << 22

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Whether `path` is a folder: the path "folder/." exists for folders alone.
  static func isFolder(_ path: String) -> Bool { exists(path + "/.") }

  static func unknown(_ name: String, _ file: String) -> Failure {
    Failure(.invalidData, file: file, at: "tensor \(name.quoted)", "the model has no such tensor")
  }
}
