import CKernels
import Foundation
import Numerics
import Testing

extension NumericsTests {
  @Suite struct Divergences {
    /// log-softmax of x·Wᵀ per row, in double.
    private func logShares(_ x: Tensor, _ w: [Float], v: Int) -> [Double] {
      let logits = plainProduct(x.values, w, m: x.rows, n: v, k: x.columns, transposeB: true)
      return (0..<x.rows).flatMap { row -> [Double] in
        let own = logits[row * v..<(row + 1) * v]
        let top = own.max() ?? 0
        let sum = top + log(own.reduce(0) { $0 + exp($1 - top) })
        return own.map { $0 - sum }
      }
    }

    @Test(arguments: Arithmetic.allCases)
    func isTheDefinition(_ arithmetic: Arithmetic) throws {
      guard arithmetic.isAvailable else { return }
      let tolerance = arithmetic == .float32 ? 1e-4 : 0.02
      for (m, v, d, e) in [(1, 9, 5, 5), (20, 600, 33, 40), (310, 1100, 24, 16)] {
        var random = RandomValues()
        let (x, t) = (random.tensor([m, d], scale: 0.3), random.tensor([m, e], scale: 0.3))
        let own = try Products.weights(v, d, &random)
        let other = Weight.dense(random.tensor([v, e]))
        for (name, head) in [own[0], own[1], own[5]] {
          let dense = head.dense().values
          let (s, r) = (logShares(x, dense, v: v), logShares(t, other.dense().values, v: v))
          let expected = (0..<m).map { row in
            (row * v..<(row + 1) * v).reduce(0.0) { $0 + exp(r[$1]) * (r[$1] - s[$1]) }
          }
          let slopes = zip(s, r).map { Float(exp($0) - exp($1)) }
          let gradient = plainProduct(slopes, dense, m: m, n: d, k: v).map { 0.5 * $0 }
          let dHidden = random.tensor([m, d])
          let values = Divergence.run(
            student: x, head: head, teacher: t, teacherHead: other, scale: 0.5, into: dHidden,
            arithmetic: arithmetic)
          let alone = Divergence.run(
            student: x, head: head, teacher: t, teacherHead: other, arithmetic: arithmetic)
          let note: Comment = "\(name), \(m) × \(v), \(arithmetic), \(random.note)"
          expectClose(values, expected, absolute: tolerance * max(1, expected.max() ?? 0), note)
          #expect(alone == values, note)
          let size = gradient.reduce(1e-9) { max($0, abs($1)) }
          expectClose(dHidden.values, gradient, absolute: tolerance * size, note)
        }
      }
    }

    @Test func nothingDivergesFromItself() {
      var random = RandomValues()
      let x = random.tensor([40, 30])
      let w = Weight.dense(random.tensor([700, 30]))
      let dHidden = random.tensor([40, 30])
      let values = Divergence.run(
        student: x, head: w, teacher: x, teacherHead: w, into: dHidden)
      #expect(values.allSatisfy { abs($0) < 1e-6 }, random.note)
      #expect(dHidden.values.allSatisfy { abs($0) < 1e-5 }, random.note)
    }

    @Test func threadsDoNotChangeABit() {
      var random = RandomValues()
      let (x, t) = (random.tensor([330, 30]), random.tensor([330, 20]))
      let (w, u) = (
        Weight.dense(random.tensor([900, 30])), Weight.dense(random.tensor([900, 20]))
      )
      for arithmetic in Arithmetic.allCases {
        expectSameForAllThreadCounts("\(arithmetic)") {
          let dHidden = Tensor([330, 30])
          let values = Divergence.run(
            student: x, head: w, teacher: t, teacherHead: u, into: dHidden, arithmetic: arithmetic)
          return values + dHidden.values
        }
      }
    }

    @Test func theKernelIsItsTwin() {
      atEveryLevel { level in
        for n in oddSizes {
          var random = RandomValues()
          let teacher = random.floats(3 * n)
          var (fast, plain) = (random.floats(3 * n), [Float]())
          plain = fast
          let sums: [Float] = [1.5, 3, 2.25]
          let others: [Float] = [2, 1.75, 3]
          var (a, b): ([Float], [Float]) = ([0.5, 0, 1], [0.5, 0, 1])
          unsafe teacher.withUnsafeBufferPointer { teacher in
            unsafe sums.withUnsafeBufferPointer { sums in
              unsafe others.withUnsafeBufferPointer { others in
                unsafe fast.withUnsafeMutableBufferPointer { fast in
                  var tile = unsafe ctk_divergence(
                    student: fast.baseAddress, teacher: teacher.baseAddress, stride: n, rows: 3,
                    n: n, student_log_sum: sums.baseAddress, teacher_log_sum: others.baseAddress)
                  unsafe ctk_divergence(&tile, &a)
                }
                unsafe plain.withUnsafeMutableBufferPointer { plain in
                  var tile = unsafe ctk_divergence(
                    student: plain.baseAddress, teacher: teacher.baseAddress, stride: n, rows: 3,
                    n: n, student_log_sum: sums.baseAddress, teacher_log_sum: others.baseAddress)
                  unsafe ctk_divergence_ref(&tile, &b)
                }
              }
            }
          }
          let note: Comment = "n \(n), \(level), \(random.note)"
          expectClose(fast, plain.map { Double($0) }, absolute: 1e-5, note)
          expectClose(a, b.map { Double($0) }, absolute: 1e-4 * Double(max(1, b[0])), note)
        }
      }
    }
  }
}
