import BundleFormat
import Bytes
import Numerics

/// A bundle's model as a tensor source. Packed weights stay packed, and weights stored without
/// coding are views of the mapped file.
package struct BundleCheckpoint: TensorSource {
  package let bundle: ModelBundle
  package let configuration: ModelConfiguration
  private let descriptors: [String: TensorDescriptor]
  /// The coded tensors decoded on opening, kept so that they aren't decoded again.
  private let decoded: [ByteSlice]

  /// - Parameter decodesAhead: Whether to decode all coded tensors now, on all threads, and keep them
  ///   in memory; otherwise each is decoded when it is read.
  package init(_ bundle: ModelBundle, decodesAhead: Bool = false) throws(Failure) {
    self.bundle = bundle
    decoded = decodesAhead ? try bundle.decodeTensors() : []
    configuration = try ModelConfiguration(canonical: bundle.configuration, file: bundle.path)
    descriptors = Dictionary(bundle.descriptors.map { ($0.name, $0) }) { first, _ in first }
  }

  package init(path: String) throws(Failure) { try self.init(ModelBundle(path: path)) }

  package var tensorNames: [String] { bundle.descriptors.map(\.name) }
  package var tokenizer: TokenizerMaterial {
    (try? bundle.tokenizer).map { .huggingFace(tokenizerJSON: $0) } ?? .none
  }
  package var files: [String] { [bundle.path] }

  package func shape(of name: String) -> [Int]? { descriptors[name]?.shape }

  package func sourceType(of name: String) -> String? {
    descriptors[name]?.layout.label.uppercased()
  }

  package func weight(_ name: String) throws(Failure) -> Weight { try Weight(stored(name)) }

  package func tensor(_ name: String) throws(Failure) -> Tensor {
    let stored = try stored(name)
    let shape = stored.descriptor.shape
    guard let values = stored.plainValues, let format = stored.descriptor.layout.floatFormat else {
      return Tensor(shape, try stored.dequantized())
    }
    if format == .float32 { return Tensor(mapping: values, shape: shape) }
    return BlockDequantizer.decode(values, type: BlockType(format), shape: shape)
  }

  package func storedFloats(_ name: String) -> (format: FloatFormat, bytes: ByteSlice)? {
    guard let stored = try? bundle.tensor(named: name), let values = stored.plainValues else {
      return nil
    }
    return stored.descriptor.layout.floatFormat.map { ($0, values) }
  }

  private func stored(_ name: String) throws(Failure) -> StoredTensor {
    guard let stored = try bundle.tensor(named: name) else {
      throw Failure(.invalidData, file: bundle.path, at: "tensor \(name)", "is missing")
    }
    return stored
  }
}

extension StoredTensor {
  /// The stored bytes of a dense float tensor; nil if the tensor is pruned or packed.
  fileprivate var plainValues: ByteSlice? { mask == nil && index == nil ? dense : nil }
}
