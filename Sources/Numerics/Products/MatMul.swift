import Bytes
import CKernels

/// Matrix products of whole tensors in float32.
package enum MatMul {
  /// Computes c = alpha·op(a)·op(b) + beta·c with op(a) [m, k], op(b) [k, n] and c [m, n], where op
  /// transposes if `transposeA` or `transposeB` is set. `c` must not share memory with `a` or `b`.
  package static func multiply(
    _ a: Tensor, _ b: Tensor, into c: Tensor, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Float = 1, beta: Float = 0
  ) {
    let m = transposeA ? a.columns : a.rows
    let k = transposeA ? a.rows : a.columns
    let n = transposeB ? b.rows : b.columns
    precondition(
      (transposeB ? b.columns : b.rows) == k && c.rows == m && c.columns == n && !c.isReadOnly,
      "\(a.shape) × \(b.shape) into \(c.shape)")
    unsafe Gemm(
      m: m, n: n, k: k, a: a.pointer, lda: a.columns, transposeA: transposeA, b: b.pointer,
      ldb: b.columns, transposeB: transposeB, c: c.pointer, ldc: c.columns, alpha: alpha,
      beta: beta
    ).runTiled()
  }

  /// Computes h = keep·h + scale·xᵀx for x [m, k] and symmetric h [k, k]. Only the tiles on and
  /// above the diagonal are computed; the rest is mirrored, so h is bitwise symmetric.
  package static func gram(_ x: Tensor, into h: Tensor, scale: Float, keep: Float) {
    let k = x.columns
    precondition(
      h.rows == k && h.columns == k && !h.isReadOnly, "gram of \(x.shape) into \(h.shape)")
    let edge = 192
    let tiles = (k + edge - 1) / edge
    var places: [(top: Int, left: Int)] = []
    for top in 0..<tiles { for left in top..<tiles { places.append((top * edge, left * edge)) } }
    let jobs = places
    Parallel.forEach(jobs.count) { i in
      let (top, left) = jobs[i]
      unsafe Gemm(
        m: k, n: k, k: x.rows, a: x.pointer, lda: k, transposeA: true, b: x.pointer, ldb: k,
        c: h.pointer, ldc: k, alpha: scale, beta: keep
      ).part(top..<min(k, top + edge), left..<min(k, left + edge)).run()
    }
    Parallel.ranges(k, grain: 64) { rows in
      for i in rows { for j in 0..<i { unsafe h.pointer[i * k + j] = h.pointer[j * k + i] } }
    }
  }
}
