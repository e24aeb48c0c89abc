import Bytes
import CKernels

/// Rows [m, k] on their way into products with weights, in the form that the arithmetic asks for.
/// Layers that read the same rows share one.
package struct ProductInput: Sendable {
  package let rows: Tensor
  /// As far as this processor has what was asked for.
  package let arithmetic: Arithmetic
  /// nil in float32, and for so few rows that DecodeProducts multiplies them.
  let packed: PackedRows?

  package init(_ rows: Tensor, _ arithmetic: Arithmetic) {
    self.rows = rows
    self.arithmetic = arithmetic.available
    let isPacked = self.arithmetic == .bfloat16 && rows.rows > DecodeProducts.maxRows
    packed = isPacked ? PackedRows(rows) : nil
  }
}

/// Rows rounded to bfloat16 and laid out as the kernel reads them (CKernels/include/gemm_bf16.h).
@safe final class PackedRows: @unchecked Sendable {
  let rows: Int
  let columns: Int
  private let storage: FloatStorage

  static let blockRows = Int(ctk_bf16_rows)

  convenience init(_ x: Tensor) {
    self.init(rows: x.rows, columns: x.columns)
    Parallel.ranges(blocks.count, grain: 8) { blocks in
      unsafe pack(blocks, from: x.pointer, lda: columns)
    }
  }

  /// Space to be filled by `pack`.
  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    let blocks = (rows + Self.blockRows - 1) / Self.blockRows
    storage = FloatStorage(
      count: blocks * Self.blockRows * ctk_bf16_pairs(columns), zeroed: false)
  }

  /// All blocks of rows.
  var blocks: Range<Int> { 0..<(rows + Self.blockRows - 1) / Self.blockRows }

  /// Packs the rows of some blocks of `a`, whose rows are `lda` apart.
  func pack(_ blocks: Range<Int>, from a: UnsafePointer<Float>, lda: Int) {
    let first = blocks.lowerBound * Self.blockRows
    let count = min(rows, blocks.upperBound * Self.blockRows) - first
    unsafe ctk_pack_bf16(a + first * lda, lda, count, columns, block(blocks.lowerBound))
  }

  /// Where a block of rows starts.
  func block(_ index: Int) -> UnsafeMutablePointer<UInt32> {
    let words = unsafe UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(
      to: UInt32.self)
    return unsafe words + index * Self.blockRows * ctk_bf16_pairs(columns)
  }
}
