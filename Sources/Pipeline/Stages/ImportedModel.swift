import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// The import stage's output as a source of tensors.
struct ImportedModel: TensorSource {
  let bundle: ModelBundle
  let configuration: ModelConfiguration

  init(path: String) throws(Failure) {
    bundle = try ModelBundle(path: path)
    configuration = try ModelConfiguration(canonical: bundle.configuration, file: path)
  }

  var tensorNames: [String] { bundle.descriptors.map(\.name) }
  var tokenizer: TokenizerMaterial {
    (try? bundle.tokenizer).map { .huggingFace(tokenizerJSON: $0) } ?? .none
  }
  var files: [String] { [bundle.path] }

  private func descriptor(_ name: String) -> TensorDescriptor? {
    bundle.descriptors.first { $0.name == name }
  }

  func shape(of name: String) -> [Int]? { descriptor(name)?.shape }

  func sourceType(of name: String) -> String? { descriptor(name)?.layout.label.uppercased() }

  func tensor(_ name: String) throws(Failure) -> Tensor {
    guard let stored = try bundle.tensor(named: name) else {
      throw Failure(.internalError, file: bundle.path, at: "tensor \"\(name)\"", "is not there")
    }
    let shape = stored.descriptor.shape
    guard let values = stored.dense, let format = stored.descriptor.layout.floatFormat else {
      return Tensor(shape, try stored.dequantized())
    }
    if format == .float32 { return Tensor(mapping: values, shape: shape) }
    return BlockDequantizer.decode(values, type: BlockType(format), shape: shape)
  }

  func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    guard let stored = try? bundle.tensor(named: name), let values = stored.dense else {
      return nil
    }
    return stored.descriptor.layout.floatFormat.map { ($0, values) }
  }
}
