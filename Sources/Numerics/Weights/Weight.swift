import Bytes
import CKernels

/// A linear layer's weight matrix [outputs, inputs] in its storage format. Products decode it piece
/// by piece; a full float32 copy exists only if `dense()` makes one.
package enum Weight: Sendable {
  /// Float32 values in memory or in a mapped file.
  case dense(Tensor)
  /// Values in a float format, row-major and little-endian, at any alignment.
  case stored(FloatFormat, ByteSlice, rows: Int, columns: Int)
  /// Quantized codes, dense or sparse.
  case packed(PackedMatrix)

  /// The number of outputs.
  package var rows: Int {
    switch self {
    case .dense(let tensor): tensor.rows
    case .stored(_, _, let rows, _): rows
    case .packed(let matrix): matrix.rows
    }
  }

  /// The number of inputs.
  package var columns: Int {
    switch self {
    case .dense(let tensor): tensor.columns
    case .stored(_, _, _, let columns): columns
    case .packed(let matrix): matrix.columns
    }
  }

  /// Returns all weights in float32, [rows, columns].
  package func dense() -> Tensor {
    if case .dense(let tensor) = self { return tensor }
    let result = Tensor(uninitialized: [rows, columns])
    Parallel.ranges(rows, grain: 64) { range in
      unsafe decode(range, into: result.pointer + range.lowerBound * columns)
    }
    return result
  }

  /// Decodes the rows at `rowIndices` into `result` [rowIndices.count, columns].
  package func gather(_ rowIndices: [Int32], into result: Tensor) {
    precondition(
      result.rows == rowIndices.count && result.columns == columns && !result.isReadOnly,
      "\(rowIndices.count) rows of \(columns) into \(result.shape)")
    precondition(rowIndices.allSatisfy { $0 >= 0 && Int($0) < rows }, "row beyond \(rows)")
    Parallel.ranges(rowIndices.count, grain: 64) { range in
      for i in range {
        let row = Int(rowIndices[i])
        unsafe decode(row..<row + 1, into: result.pointer + i * columns)
      }
    }
  }

  /// Decodes the rows in `range` into consecutive float32 rows at `output`.
  func decode(_ range: Range<Int>, into output: UnsafeMutablePointer<Float>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    let count = range.count * columns
    switch self {
    case .dense(let tensor):
      unsafe output.update(from: tensor.pointer + range.lowerBound * columns, count: count)
    case .stored(let format, let bytes, _, _):
      let size = format.byteCount
      precondition(bytes.count == rows * columns * size, "\(bytes.count) bytes of weights")
      unsafe bytes.withUnsafeBytes { source in
        guard let base = source.baseAddress else { return }
        let first = unsafe (base + range.lowerBound * columns * size).assumingMemoryBound(
          to: UInt8.self)
        switch format {
        case .float32:
          unsafe UnsafeMutableRawPointer(output).copyMemory(from: first, byteCount: count * size)
        case .float16: unsafe ctk_widen_f16(first, output, count)
        case .bfloat16: unsafe ctk_widen_bf16(first, output, count)
        }
      }
    case .packed(let matrix):
      unsafe matrix.withDescription { view in
        unsafe ctk_unpack_planar(view, range.lowerBound, range.upperBound, output, columns)
      }
    }
  }

  /// Returns the rows in `range` in float32: dense weights in place, others decoded into `scratch`.
  func floats(
    _ range: Range<Int>, scratch: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if case .dense(let tensor) = self {
      return unsafe UnsafePointer(tensor.pointer + range.lowerBound * columns)
    }
    unsafe decode(range, into: scratch)
    return unsafe UnsafePointer(scratch)
  }

  /// Whether the rows of the packed matrix are interleaved, sixteen to a tile.
  var isInterleaved: Bool {
    if case .packed(let matrix) = self { matrix.interleaved } else { false }
  }

  /// Whether the weights are float32 values that need no decoding.
  var isDense: Bool {
    if case .dense = self { true } else { false }
  }
}
