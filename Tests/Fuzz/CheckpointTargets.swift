import Bytes
import Checkpoints
import Numerics
import Text

/// Readers of other programs' model files. What opens is read to its last value.
enum CheckpointTargets {
  /// Tensors with more values aren't converted, so that runs stay short.
  private static let valueLimit = 1 << 20

  static func safetensors(_ input: [UInt8]) throws(Failure) {
    let file = try SafetensorsFile(bytes: ByteSlice(input), path: "input")
    // The tensors cover the data exactly, so together they are no larger than the file.
    let sizes = file.entries.values.map(\.bytes.count)
    require(sizes.reduce(0, +) <= input.count, "tensors that are larger than the file")
    for entry in file.entries.values {
      if let format = entry.type.floatFormat { _ = entry.bytes.floats(as: format) }
    }
  }

  static func torch(_ input: [UInt8]) throws(Failure) {
    let file = try PyTorchFile(bytes: ByteSlice(input), path: "input")
    for (name, entry) in file.entries {
      guard let size = entry.type.byteCount(entry.shape), size <= input.count else {
        fatalError("\(name) is larger than the file")
      }
      require(entry.bytes.count == size, "\(name) has \(entry.bytes.count) bytes, not \(size)")
    }
  }

  /// The model and, separately, the tokenizer, which may be there alone.
  static func gguf(_ input: [UInt8]) throws(Failure) {
    var first: Failure?
    do throws(Failure) {
      let model = try GGUFCheckpoint(file: GGUFFile(bytes: ByteSlice(input), path: "input"))
      for name in model.tensorNames {
        guard let shape = model.shape(of: name), shape.reduce(1, *) <= valueLimit else { continue }
        _ = try Checkpoint.firstNonFinite(of: name, in: model)
        _ = try model.tensor(name)
      }
    } catch { first = error }
    let path = ScratchInput.write(input, "model.gguf")
    if case .gguf(let vocabulary) = try Checkpoint.tokenizer(at: path).material {
      TextTargets.roundTrip(try Tokenizer(gguf: vocabulary, file: "input"))
    }
    if let first { throw first }
  }
}
