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

  /// On the calling thread.
  ///
  /// - Parameter arithmetic: bfloat16 rounds both operands on their way in; alpha is 1 then.
  func run(_ arithmetic: Arithmetic = .float32) {
    if unsafe m == 0 || n == 0 { return }
    var job = unsafe ctk_gemm(
      m: m, n: n, k: k, a: a, a_row: transposeA ? 1 : lda, a_column: transposeA ? lda : 1, b: b,
      b_row: transposeB ? 1 : ldb, b_column: transposeB ? ldb : 1, c: c, c_row: ldc, alpha: alpha,
      beta: beta, weight: weight, transposed: transposeB ? 0 : 1, weight_first: firstOfWeight)
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

  /// On all threads, in tiles as wide as three of the kernel's panels. Each tile packs its part of
  /// B for itself, so tiles are high.
  func runTiled() {
    // Codes decode in blocks of 64 columns.
    let width = unsafe weight != nil && !transposeB ? 128 : 96
    let across = unsafe (n + width - 1) / width
    let down = unsafe max(1, (m + 1199) / 1200)
    let height = unsafe (m + down - 1) / down
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(across * down) { i in
      let top = i / across * height
      let left = i % across * width
      unsafe whole.part(
        top..<min(whole.m, top + height), left..<min(whole.n, left + width)
      ).run()
    }
  }
}
