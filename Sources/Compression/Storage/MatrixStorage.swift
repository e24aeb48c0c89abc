import BundleFormat
import Bytes
import Checkpoints
import Numerics

/// The storage format of a matrix outside the blocks: the embedding or the output head.
package enum MatrixStorage: String, Sendable, Hashable, CaseIterable {
  /// The checkpoint's bytes for f32, f16 and bf16; other types (GGUF blocks) decoded to f32.
  case source
  case f32
  case f16
  case bf16
  /// 8-bit codes in groups of 64 columns, rounded to nearest on grids with a searched range.
  case q8
  /// 4-bit codes in groups of 64 columns, rounded to nearest on grids with a searched range.
  case q4

  /// The dense format; nil for `q8` and `q4`.
  var dense: DenseStorage? { DenseStorage(rawValue: rawValue) }

  /// The tensor `name` of `source` in this format. `q8` and `q4` leave tensors that aren't matrices
  /// dense.
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
