import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Attention with bfloat16 products, and the products alone.
  @Suite(.enabled(if: Arithmetic.bfloat16.isAvailable, "needs AVX-512 with BF16, VNNI and VBMI2"))
  struct BFloat16Attention {
    /// Both operands, plain and transposed, with padded rows.
    @Test(arguments: [(1, 1, 1), (12, 32, 64), (13, 17, 33), (100, 64, 700), (30, 250, 1601)])
    func productsMatchTheTwins(m: Int, n: Int, k: Int) {
      var random = TestRandom("\(m)×\(n)×\(k)")
      for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
        for beta in [Float(0), 1] {
          let (lda, ldb, ldc) = ((transposeA ? m : k) + 3, (transposeB ? k : n) + 5, n + 2)
          let a = random.floats((transposeA ? k : m) * lda)
          let b = random.floats((transposeB ? n : k) * ldb)
          let start = random.floats(m * ldc)
          var (fast, plain) = (start, start)
          func multiply(_ c: inout [Float], _ kernel: (UnsafePointer<ctk_gemm>) -> Void) {
            unsafe a.withUnsafeBufferPointer { a in
              unsafe b.withUnsafeBufferPointer { b in
                unsafe c.withUnsafeMutableBufferPointer { c in
                  var job = unsafe ctk_gemm(
                    m: m, n: n, k: k, a: a.baseAddress, a_row: transposeA ? 1 : lda,
                    a_column: transposeA ? lda : 1, b: b.baseAddress,
                    b_row: transposeB ? 1 : ldb, b_column: transposeB ? ldb : 1,
                    c: c.baseAddress, c_row: ldc, alpha: 1, beta: beta, weight: nil, transposed: 0,
                    weight_first: 0, k_from: 0, k_to: 0)
                  unsafe kernel(&job)
                }
              }
            }
          }
          unsafe multiply(&fast) { unsafe ctk_multiply_floats_bf16($0) }
          unsafe multiply(&plain) { unsafe ctk_multiply_floats_bf16_ref($0) }
          let note: Comment =
            "\(m) × \(n) × \(k), transposed \(transposeA), \(transposeB), beta \(beta), \(random.note)"
          func inner(
            _ values: [Float], _ rows: Int, _ columns: Int, _ stride: Int, _ isTransposed: Bool
          ) -> [Float] {
            (0..<rows * columns).map { place in
              let (row, column) = (place / columns, place % columns)
              let value =
                isTransposed ? values[column * stride + row] : values[row * stride + column]
              return Rounding.toBFloat16(value)
            }
          }
          let before = (0..<m * n).map { Bounded(start[$0 / n * ldc + $0 % n]) }
          let product = boundedProduct(
            inner(a, m, k, lda, transposeA), inner(b, k, n, ldb, transposeB), m: m, n: n, k: k,
            onto: beta == 0 ? nil : before)
          // Padding between rows isn't written.
          let expected = (0..<m * ldc).map {
            $0 % ldc < n ? product[$0 / ldc * n + $0 % ldc] : Bounded(start[$0])
          }
          expectClose(fast, expected, note)
          expectClose(plain, expected, note)
        }
      }
    }

    @Test(arguments: AttentionTests.shapes) func matchesTheDefinition(shape: AttentionShape) {
      AttentionTests.check(shape, .bfloat16)
    }

    @Test func threadsDoNotChangeABit() {
      let shape = AttentionShape(
        heads: 6, kvHeads: 3, headDim: 16, prefix: 30, sequences: 3, length: 150)
      let i = AttentionTests.Inputs(shape)
      expectSameForAllThreadCounts(i.note) {
        let (out, logSumExp) = (Tensor(i.q.shape), Tensor([shape.queryRows, shape.heads]))
        Attention.forward(
          q: i.q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp,
          arithmetic: .bfloat16)
        let (dq, dk, dv) = (Tensor(i.q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
        Attention.backward(
          dOut: i.dOut, q: i.q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape,
          dq: dq, dk: dk, dv: dv, arithmetic: .bfloat16)
        return out.values + dq.values + dk.values + dv.values
      }
    }
  }
}
