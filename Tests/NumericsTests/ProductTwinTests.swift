import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Products of float32 matrices against their plain twin at every level.
  @Suite struct ProductTwins {
    /// All orientations, with padded rows, at sizes around the edges of blocks and panels.
    @Test func products() {
      let sizes = [
        (1, 1, 1), (2, 3, 5), (5, 17, 7), (12, 32, 16), (13, 33, 17), (11, 31, 15), (25, 65, 3),
      ]
      atEveryLevel { level in
        for (m, n, k) in sizes + [(121, 193, 2), (3, 5, 385), (14, 48, 800), (7, 2, 0)] {
          for (transposeA, transposeB) in [
            (false, false), (true, false), (false, true), (true, true),
          ] {
            var random = TestRandom("\(m)×\(n)×\(k) \(transposeA) \(transposeB) \(level)")
            let note: Comment =
              "\(m)×\(n)×\(k), \(transposeA) \(transposeB), \(level), \(random.note)"
            let a = random.floats((m + 1) * (k + 1))
            let b = random.floats((n + 1) * (k + 1))
            let start = random.floats(m * (n + 2))
            let alpha: Float = 0.5
            /// Returns an operand [rows, columns] from storage with one value of padding per line.
            func inner(
              _ values: [Float], _ rows: Int, _ columns: Int, _ transposed: Bool
            ) -> [Float] {
              (0..<rows * columns).map { place in
                let (row, column) = (place / columns, place % columns)
                return transposed
                  ? values[column * (rows + 1) + row] : values[row * (columns + 1) + column]
              }
            }
            for beta: Float in [0, 1, -0.75] {
              var (c, plain) = (start, start)
              unsafe a.withUnsafeBufferPointer { a in
                unsafe b.withUnsafeBufferPointer { b in
                  func run(
                    _ c: inout [Float], _ multiply: (UnsafePointer<ctk_gemm>?) -> Void
                  ) {
                    unsafe c.withUnsafeMutableBufferPointer { c in
                      var job = unsafe ctk_gemm(
                        m: m, n: n, k: k, a: a.baseAddress, a_row: transposeA ? 1 : k + 1,
                        a_column: transposeA ? m + 1 : 1, b: b.baseAddress,
                        b_row: transposeB ? 1 : n + 1, b_column: transposeB ? k + 1 : 1,
                        c: c.baseAddress, c_row: n + 2, alpha: alpha, beta: beta,
                        weight: nil, transposed: 0, weight_first: 0, k_from: 0, k_to: 0)
                      unsafe multiply(&job)
                    }
                  }
                  unsafe run(&c) { unsafe ctk_multiply($0) }
                  unsafe run(&plain) { unsafe ctk_multiply_ref($0) }
                }
              }
              // Padding between rows isn't written.
              let width = n + 2
              let before = (0..<m * n).map {
                Bounded(beta) * Bounded(start[$0 / n * width + $0 % n])
              }
              let product = boundedProduct(
                inner(a, m, k, transposeA).map { alpha * $0 }, inner(b, k, n, transposeB), m: m,
                n: n, k: k, onto: before)
              let expected = (0..<m * width).map { place in
                place % width < n
                  ? product[place / width * n + place % width] : Bounded(start[place])
              }
              expectClose(c, expected, note)
              expectClose(plain, expected, note)
            }
          }
        }
      }
    }

    /// A part of a product is bitwise equal to its place in the whole.
    @Test func cuttingProductsChangesNothing() {
      atEveryLevel { level in
        var random = TestRandom("\(level)")
        let (x, w) = (random.tensor([50, 500]), random.tensor([130, 500]))
        let whole = Tensor([50, 130])
        Weight.dense(w).apply(x, into: whole)
        let part = Tensor([17, 130])
        Weight.dense(w).apply(x.rows(20..<37), into: part)
        #expect(part.values == whole.rows(20..<37).values, "\(level), \(random.note)")
      }
    }
  }
}
