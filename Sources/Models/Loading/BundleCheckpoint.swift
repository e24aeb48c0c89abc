import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// The model of a bundle: packed weights stay packed, and all that are mapped stay in the file.
package struct BundleCheckpoint: TensorSource {
  package let bundle: ModelBundle
  package let configuration: ModelConfiguration
  private let descriptors: [String: TensorDescriptor]
  /// Coded tensors that were decoded ahead, kept so that they aren't decoded again.
  private let decoded: [ByteSlice]

  /// - Parameter decodesAhead: whether coded tensors are decoded now, all at once on all cores, and
  ///   stay in memory; otherwise each is decoded when it is asked for.
  package init(_ bundle: ModelBundle, decodesAhead: Bool = false) throws(Failure) {
    self.bundle = bundle
    decoded = decodesAhead ? try bundle.decodeTensors() : []
    configuration = try ModelConfiguration(canonical: bundle.configuration, file: bundle.path)
    descriptors = Dictionary(bundle.descriptors.map { ($0.name, $0) }) { first, _ in first }
  }

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
    switch (stored.descriptor.layout, stored.plainValues) {
    case (.f32, let values?): return Tensor(mapping: values, shape: shape)
    case (.f16, let values?): return BlockDequantizer.decode(values, type: .f16, shape: shape)
    case (.bf16, let values?): return BlockDequantizer.decode(values, type: .bf16, shape: shape)
    default: return Tensor(shape, try stored.dequantized())
    }
  }

  package func storedHalfOrFloat(
    _ name: String
  ) -> (layout: StoredFloatLayout, bytes: ByteSlice)? {
    guard let stored = try? bundle.tensor(named: name), let values = stored.plainValues else {
      return nil
    }
    switch stored.descriptor.layout {
    case .f32: return (.f32, values)
    case .f16: return (.f16, values)
    case .bf16: return (.bf16, values)
    default: return nil
    }
  }

  private func stored(_ name: String) throws(Failure) -> StoredTensor {
    guard let stored = try bundle.tensor(named: name) else {
      throw Failure(.invalidData, file: bundle.path, at: "tensor \(name)", "is missing")
    }
    return stored
  }
}

extension StoredTensor {
  /// Float values of all elements, as they are stored; nil where some are pruned away, or all are packed.
  fileprivate var plainValues: ByteSlice? { mask == nil && index == nil ? dense : nil }
}
