import Bytes
import CKernels

/// A matrix product on raw memory: C = alpha·op(A)·op(B) + beta·C with op(A) [m, k], op(B) [k, n]
/// and C [m, n], row-major, where op transposes if `transposeA` or `transposeB` is set. `lda`,
/// `ldb` and `ldc` are the distances in floats between stored rows.
@unsafe struct Gemm {
  var m: Int
  var n: Int
  var k: Int
  var a: UnsafePointer<Float>
  var lda: Int
  var transposeA = false
  var b: UnsafePointer<Float>?
  var ldb: Int
  var transposeB = false
  var c: UnsafeMutablePointer<Float>
  var ldc: Int
  var alpha: Float = 1
  var beta: Float = 0
  /// Stored weights that take the place of `b` and are decoded panel by panel: their rows if B is
  /// transposed, otherwise their columns, from `firstOfWeight` on.
  var weight: UnsafePointer<ctk_weight>?
  var firstOfWeight = 0
  /// The rows of op(B) that may be nonzero, not empty; nil means all. Skipping the others doesn't
  /// change the bits of the product.
  var innerRows: Range<Int>?

  /// Computes the product on the calling thread.
  ///
  /// - Parameter arithmetic: bfloat16 rounds both operands first, and requires alpha = 1.
  func run(_ arithmetic: Arithmetic = .float32) {
    if unsafe m == 0 || n == 0 { return }
    var job = unsafe ctk_gemm(
      m: m, n: n, k: k, a: a, a_row: transposeA ? 1 : lda, a_column: transposeA ? lda : 1, b: b,
      b_row: transposeB ? 1 : ldb, b_column: transposeB ? ldb : 1, c: c, c_row: ldc, alpha: alpha,
      beta: beta, weight: weight, transposed: transposeB ? 0 : 1, weight_first: firstOfWeight,
      k_from: innerRows?.lowerBound ?? 0, k_to: innerRows?.upperBound ?? 0)
    if arithmetic.available == .bfloat16, unsafe k > 0 {
      precondition(unsafe alpha == 1 && weight == nil)
      return unsafe ctk_multiply_floats_bf16(&job)
    }
    unsafe ctk_multiply(&job)
  }

  /// Returns the product for the rows `rows` and columns `columns` of C.
  func part(_ rows: Range<Int>, _ columns: Range<Int>) -> Gemm {
    var piece = unsafe self
    unsafe piece.m = rows.count
    unsafe piece.n = columns.count
    unsafe piece.a = a + rows.lowerBound * (transposeA ? 1 : lda)
    unsafe piece.b = b.map { unsafe $0 + columns.lowerBound * (transposeB ? ldb : 1) }
    unsafe piece.firstOfWeight += columns.lowerBound
    unsafe piece.c = c + rows.lowerBound * ldc + columns.lowerBound
    return unsafe piece
  }

  /// Computes the product in tiles on all threads. Each tile packs its own part of B.
  func runTiled() {
    // Codes decode in blocks of 64 columns.
    let width = unsafe weight != nil && !transposeB ? 128 : Self.tileWidth
    let tiles = unsafe Self.tiles(rows: m, columns: n, width: width)
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(tiles.count) { i in
      unsafe whole.part(tiles[i].rows, tiles[i].columns).run()
    }
  }

  /// Columns per tile: three of the kernel's panels.
  private static let tileWidth = 96

  /// Returns C's tiles in row-major order. They are tall, so that little of B is packed twice.
  static func tiles(
    rows m: Int, columns n: Int, width: Int = tileWidth
  ) -> [(rows: Range<Int>, columns: Range<Int>)] {
    let down = max(1, (m + 1199) / 1200)
    let height = (m + down - 1) / down
    return (0..<down).flatMap { row in
      stride(from: 0, to: n, by: width).map { left in
        (rows: row * height..<min(m, (row + 1) * height), columns: left..<min(n, left + width))
      }
    }
  }
}
