import COpenBLAS

/// Matrix products on raw memory: C[m,n] = alpha·op(A)·op(B) + beta·C, row-major, where op
/// transposes what is stored transposed. `lda`, `ldb`, `ldc` are the distances between stored rows.
@unsafe struct Gemm {
  var m: Int
  var n: Int
  var k: Int
  var a: UnsafePointer<Float>
  var lda: Int
  var transposeA = false
  var b: UnsafePointer<Float>
  var ldb: Int
  var transposeB = false
  var c: UnsafeMutablePointer<Float>
  var ldc: Int
  var alpha: Float = 1
  var beta: Float = 0

  /// On the calling thread.
  func run() {
    BLAS.prepare()
    if unsafe m == 0 || n == 0 { return }
    unsafe cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// The part that computes C's rows `rows` and columns `columns`.
  func part(_ rows: Range<Int>, _ columns: Range<Int>) -> Gemm {
    var piece = unsafe self
    unsafe piece.m = rows.count
    unsafe piece.n = columns.count
    unsafe piece.a = a + rows.lowerBound * (transposeA ? 1 : lda)
    unsafe piece.b = b + columns.lowerBound * (transposeB ? ldb : 1)
    unsafe piece.c = c + rows.lowerBound * ldc + columns.lowerBound
    return unsafe piece
  }

  /// On all threads, in tiles of a fixed size.
  func runTiled(rows tileRows: Int = 256, columns tileColumns: Int = 768) {
    let across = unsafe (n + tileColumns - 1) / tileColumns
    let down = unsafe (m + tileRows - 1) / tileRows
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(across * down) { i in
      let top = i / across * tileRows
      let left = i % across * tileColumns
      unsafe whole.part(
        top..<min(whole.m, top + tileRows), left..<min(whole.n, left + tileColumns)
      ).run()
    }
  }
}
