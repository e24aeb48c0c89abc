import Bytes
import CKernels

/// Activations [m, k] prepared for products with weights in a given arithmetic. Layers that read
/// the same activations share one, so that they are rounded and packed once.
package struct ProductInput: Sendable {
  package let rows: Tensor
  /// The arithmetic that this processor supports: float32 if bfloat16 isn't available.
  package let arithmetic: Arithmetic
  /// The rows in bfloat16; nil in float32 and for at most `DecodeProducts.maxRows` rows.
  let packed: PackedRows?

  /// Prepares `rows` [m, k], packing them if the products run in bfloat16.
  package init(_ rows: Tensor, _ arithmetic: Arithmetic) {
    self.rows = rows
    self.arithmetic = arithmetic.available
    let isPacked = self.arithmetic == .bfloat16 && rows.rows > DecodeProducts.maxRows
    packed = isPacked ? PackedRows(rows) : nil
  }
}

/// Rows rounded to bfloat16 in the kernel's packed layout (CKernels/include/gemm_bf16.h).
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

  /// Allocates space for `pack` to fill.
  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    let blocks = (rows + Self.blockRows - 1) / Self.blockRows
    storage = FloatStorage(
      count: blocks * Self.blockRows * ctk_bf16_pairs(columns), zeroed: false)
  }

  /// All blocks of rows.
  var blocks: Range<Int> { 0..<(rows + Self.blockRows - 1) / Self.blockRows }

  /// Packs the rows of some blocks of `a`, whose rows are `lda` values apart.
  func pack(_ blocks: Range<Int>, from a: UnsafePointer<Float>, lda: Int) {
    let first = blocks.lowerBound * Self.blockRows
    let count = min(rows, blocks.upperBound * Self.blockRows) - first
    unsafe ctk_pack_bf16(a + first * lda, lda, count, columns, block(blocks.lowerBound))
  }

  /// Returns the address of a block of rows.
  func block(_ index: Int) -> UnsafeMutablePointer<UInt32> {
    let words = unsafe UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(
      to: UInt32.self)
    return unsafe words + index * Self.blockRows * ctk_bf16_pairs(columns)
  }
}
