import Bytes
import CKernels

/// A linear layer's weights [rows = outputs, columns = inputs], as they are stored. Products decode
/// what they need piece by piece; a full float32 copy exists only where `dense()` is asked for.
package enum Weight: Sendable {
  /// Float32 in memory or mapped.
  case dense(Tensor)
  /// Numbers in a format of a file, row-major, as they lie there.
  case stored(FloatFormat, ByteSlice, rows: Int, columns: Int)
  /// Codes on a grid.
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

  /// All weights in float32.
  package func dense() -> Tensor {
    if case .dense(let tensor) = self { return tensor }
    let result = Tensor(uninitialized: [rows, columns])
    Parallel.ranges(rows, grain: 64) { range in
      unsafe decode(range, into: result.pointer + range.lowerBound * columns)
    }
    return result
  }

  /// Copies the rows with these numbers into `result` [rowIndices.count, columns].
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

  /// Decodes some rows into packed float32 rows.
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

  /// Some rows in float32: where they are for dense weights, else decoded into `scratch`.
  func floats(
    _ range: Range<Int>, scratch: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if case .dense(let tensor) = self {
      return unsafe UnsafePointer(tensor.pointer + range.lowerBound * columns)
    }
    unsafe decode(range, into: scratch)
    return unsafe UnsafePointer(scratch)
  }

  var isInterleaved: Bool {
    if case .packed(let matrix) = self { matrix.interleaved } else { false }
  }

  var isDense: Bool {
    if case .dense = self { true } else { false }
  }
}
