import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// Weights of a bundle: packed ones stay packed, and all that are mapped stay in the file.
struct BundleWeights: WeightStore {
  let bundle: ModelBundle
  let configuration: ModelConfiguration
  /// Coded tensors that were decoded ahead.
  private let decoded: [ByteSlice]

  /// - Parameter decodesAhead: whether coded tensors are decoded now, all at once on all cores, and
  ///   stay in memory; otherwise each is when it is asked for.
  init(_ bundle: ModelBundle, decodesAhead: Bool) throws(Failure) {
    self.bundle = bundle
    decoded = decodesAhead ? try bundle.decodeTensors() : []
    configuration = try ModelConfiguration(canonical: bundle.configuration, file: bundle.path)
  }

  func contains(_ key: String) -> Bool {
    bundle.section(.tensorDense, named: key) != nil
      || bundle.section(.tensorCodes, named: key) != nil
  }

  func matrix(_ key: String, rows: Int, columns: Int) throws(Failure) -> Weight {
    try Weight(stored(key, shape: [rows, columns]))
  }

  func vector(_ key: String, count: Int) throws(Failure) -> Tensor {
    try decoded(stored(key, shape: [count]))
  }

  private func decoded(_ stored: StoredTensor) throws(Failure) -> Tensor {
    Tensor(stored.descriptor.shape, try stored.dequantized())
  }

  private func stored(_ key: String, shape: [Int]) throws(Failure) -> StoredTensor {
    guard let stored = try bundle.tensor(named: key) else {
      throw Failure(
        .invalidData, file: bundle.path, at: "tensor \(key)",
        "is missing, but the model's configuration needs it")
    }
    try checkShape(of: key, stored.descriptor.shape, is: shape, file: bundle.path)
    return stored
  }
}

extension LanguageModel {
  /// The model of a bundle; its codes are used where they lie in the mapped file, or, where they
  /// are stored coded, in the memory they are decoded into.
  /// - Throws: `invalidData` where the bundle has no configuration, or a tensor is missing or
  ///   misshapen.
  package convenience init(
    bundle: ModelBundle, residency: Residency = .kept, arithmetic: Arithmetic = .float32
  ) throws(Failure) {
    try self.init(
      store: BundleWeights(bundle, decodesAhead: residency == .kept), residency: residency,
      arithmetic: arithmetic)
  }
}
