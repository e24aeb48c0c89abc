import Bytes
import CKernels

/// Matrix products on raw memory: C[m,n] = alpha·op(A)·op(B) + beta·C, row-major, where op
/// transposes what is stored transposed. `lda`, `ldb`, `ldc` are the distances between stored rows.
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
  /// B out of stored weights instead of `b`, decoded on its way into the product: all of them, or
  /// their rows (where B is transposed) or columns from `firstOfWeight` on.
  var weight: UnsafePointer<ctk_weight>?
  var firstOfWeight = 0
  /// Where op(B)'s rows outside of these are 0: products with them are left out, the bits are the same. Not
  /// empty.
  var innerRows: Range<Int>?

  /// On the calling thread.
  ///
  /// - Parameter arithmetic: bfloat16 rounds both operands on their way in; alpha is 1 then.
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

  /// The part that computes C's rows `rows` and columns `columns`.
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

  /// On all threads. Each tile packs its part of B for itself.
  func runTiled() {
    // Codes decode in blocks of 64 columns.
    let width = unsafe weight != nil && !transposeB ? 128 : Self.tileWidth
    let tiles = unsafe Self.tiles(rows: m, columns: n, width: width)
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(tiles.count) { i in
      unsafe whole.part(tiles[i].rows, tiles[i].columns).run()
    }
  }

  /// Three of the kernel's panels.
  private static let tileWidth = 96

  /// C cut into tiles, row of tiles by row of tiles. They are high, so that little is packed twice.
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
