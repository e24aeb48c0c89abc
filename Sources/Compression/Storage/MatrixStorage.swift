import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// How a matrix is stored that no linear layer of a block multiplies with: the embedding, the output
/// head.
package enum MatrixStorage: String, Sendable, Hashable, CaseIterable {
  /// As it is; other types than f32, f16 and bf16 (GGUF blocks) as the f32 they decode to.
  case source
  case f32
  case f16
  case bf16
  /// Codes of 8 or 4 bits in groups of 64, each weight to the nearest point of a grid whose range is
  /// searched.
  case q8
  case q4

  /// nil where the matrix is quantized.
  var dense: DenseStorage? { DenseStorage(rawValue: rawValue) }

  package func store(
    _ name: String, from source: any TensorSource
  ) throws(Failure) -> StoredTensor {
    if let dense { return try dense.store(name, from: source) }
    guard let shape = source.shape(of: name) else {
      throw Failure(.internalError, at: name, "the model has no such tensor")
    }
    guard shape.count == 2 else { return try DenseStorage.asSource.store(name, from: source) }
    let settings = TensorSettings(
      method: .roundToNearest,
      grid: GridSettings(
        bits: self == .q8 ? 8 : 4, group: shape[1] < 64 ? .row : .columns(64),
        rangeSearch: .clipped))
    let matrix = WeightMatrix(name: name, weight: try source.tensor(name), settings: settings)
    let solved = try LayerSolver.solve([matrix], hessian: nil)
    return try solved[0].stored()
  }
}
