import Bytes
import FoundationEssentials
import Numerics

/// Entry points for opening and checking a checkpoint of any supported format.
package enum Checkpoint {
  /// Opens the model at `path`: a folder saved by transformers, or a GGUF file.
  ///
  /// Everything but the weights' values is read and checked here: the files' structure, and names
  /// and shapes against the configuration.
  ///
  /// - Throws: `inputMissing` if a file doesn't exist, `invalidData` if one is malformed or doesn't
  ///   match the configuration.
  package static func open(_ path: String) throws(Failure) -> any TensorSource {
    // The path "folder/." exists only for folders.
    if exists(path + "/.") { return try HuggingFaceCheckpoint(folder: path) }
    let file = try MappedFile(path: path)
    let bytes = file.bytes
    if bytes.slice(0..<min(4, bytes.count))?.array == Array("GGUF".utf8) {
      return try GGUFCheckpoint(file: try GGUFFile(mapping: file))
    }
    let name = PathNames.last(path)
    throw Failure(
      .invalidData, file: path, "is neither a GGUF file nor a folder with a config.json",
      advice: name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
        ? "give the folder that contains it and its config.json" : nil)
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

  static func unknown(_ name: String, _ file: String) -> Failure {
    Failure(.invalidData, file: file, at: "tensor \(name.quoted)", "the model has no such tensor")
  }
}
