import CKernels
import Numerics
import Testing

extension NumericsTests {
  /// Attention whose products are bfloat16, and those products by themselves.
  @Suite(.enabled(if: Arithmetic.bfloat16.isAvailable, "needs AVX-512 with BF16, VNNI and VBMI2"))
  struct BFloat16Attention {
    /// Both directions of both operands, with rows that lie apart.
    @Test(arguments: [(1, 1, 1), (12, 32, 64), (13, 17, 33), (100, 64, 700), (30, 250, 1601)])
    func productsAreTheTwins(m: Int, n: Int, k: Int) {
      var random = RandomValues()
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
          expectClose(fast, plain.map(Double.init), absolute: 1e-4, note)
          for row in 0..<m {  // Beyond the columns nothing is touched.
            #expect(fast[row * ldc + n] == start[row * ldc + n], note)
          }
        }
      }
    }

    @Test(arguments: AttentionTests.shapes) func isCloseToThePlainForm(shape: AttentionShape) {
      let i = AttentionTests.Inputs(shape)
      func doubles(_ tensor: Tensor) -> [Double] { tensor.values.map { Double($0) } }
      let (out, logSumExp) = (Tensor(i.q.shape), Tensor([shape.queryRows, shape.heads]))
      Attention.forward(
        q: i.q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp,
        arithmetic: .bfloat16)
      let plain = PlainAttention(shape: shape)
      let (q, k, v) = (doubles(i.q), doubles(i.k), doubles(i.v))
      expectClose(out.values, plain.forward(q, k, v), absolute: 0.03, i.note)
      let (dq, dk, dv) = (Tensor(i.q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
      Attention.backward(
        dOut: i.dOut, q: i.q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape,
        dq: dq, dk: dk, dv: dv, arithmetic: .bfloat16)
      let expected = plain.backward(doubles(i.dOut), q, k, v)
      for (name, found, wanted) in [
        ("q", dq, expected.dq), ("k", dk, expected.dk), ("v", dv, expected.dv),
      ] {
        // Rounding errors of 2⁻⁹ each: a share of the whole gradient, and of the parts that cancel in it.
        let error = zip(found.values, wanted).reduce(0.0) { $0 + pow2(Double($1.0) - $1.1) }
        let size = wanted.reduce(0.0) { $0 + pow2($1) }
        #expect(error <= 1e-3 * size + 2e-4 * Double(wanted.count), "d\(name), \(i.note)")
      }
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

    private func pow2(_ x: Double) -> Double { x * x }
  }
}
