import Bytes
import FoundationEssentials
import Numerics

/// Where checkpoints are opened, whatever their format.
package enum Checkpoint {
  /// The model at `path`: a folder as transformers saves it, or a GGUF file.
  ///
  /// Everything but the weights' values is read and checked here: structure, names and shapes
  /// against the configuration. Throws `inputMissing` where a file isn't there, `invalidData` where
  /// one isn't right.
  package static func open(_ path: String) throws(Failure) -> any TensorSource {
    // "folder/." exists for folders alone.
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
        ? "give the folder that holds it beside its config.json" : nil)
  }

  /// The flat index of the first NaN or infinity among the tensor's values; nil where all are
  /// finite.
  package static func firstNonFinite(in tensor: Tensor) -> Int? { tensor.firstNonFinite }

  /// The same for a tensor of `source`, of which only a piece at a time is in memory where the file
  /// holds plain floats.
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

  private static let pieceValues = 1 << 22

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  static func unknown(_ name: String, _ file: String) -> Failure {
    Failure(.invalidData, file: file, at: "tensor \(name.quoted)", "the model has no such tensor")
  }
}
