import BundleFormat
import Bytes
import Numerics

/// A bundle as a source of tensors, each decoded to plain numbers.
package struct BundleCheckpoint: TensorSource {
  package let bundle: ModelBundle
  package let configuration: ModelConfiguration

  package init(path: String) throws(Failure) {
    bundle = try ModelBundle(path: path)
    configuration = try ModelConfiguration(canonical: bundle.configuration, file: path)
  }

  package var tensorNames: [String] { bundle.descriptors.map(\.name) }
  package var tokenizer: TokenizerMaterial {
    (try? bundle.tokenizer).map { .huggingFace(tokenizerJSON: $0) } ?? .none
  }
  package var files: [String] { [bundle.path] }

  private func descriptor(_ name: String) -> TensorDescriptor? {
    bundle.descriptors.first { $0.name == name }
  }

  package func shape(of name: String) -> [Int]? { descriptor(name)?.shape }

  package func sourceType(of name: String) -> String? {
    descriptor(name)?.layout.label.uppercased()
  }

  package func tensor(_ name: String) throws(Failure) -> Tensor {
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

  package func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    guard let stored = try? bundle.tensor(named: name), let values = stored.dense else {
      return nil
    }
    return stored.descriptor.layout.floatFormat.map { ($0, values) }
  }
}
