import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct Divergences {
    /// Returns KL per row and its gradient by definition, from all logits: Σ p·(r − s) with p = eʳ,
    /// and gradients eˢ − p with respect to the student's logits.
    static func expected(
      _ x: Tensor, _ head: Weight, _ teacher: Tensor, _ teacherHead: Weight, scale: Float,
      _ arithmetic: Arithmetic
    ) -> (values: [Bounded], gradient: [Bounded]) {
      let student = BoundedHead(x, head, arithmetic)
      let other = BoundedHead(teacher, teacherHead, arithmetic)
      var (values, slopes) = ([Bounded](), [Bounded]())
      for (own, theirs) in zip(student.softmaxes, other.softmaxes) {
        var sum = BoundedSum()
        for j in 0..<student.vocabulary {
          let (s, r) = (own.scores[j] - own.logSum, theirs.scores[j] - theirs.logSum)
          let p = r.exponential
          sum.add(p, r - s)
          slopes.append(s.exponential - p)
        }
        // The vocabulary is summed in eight parts.
        values.append(sum.total(more: 8))
      }
      return (values, student.back(slopes).map { Bounded(scale) * $0 })
    }

    @Test(arguments: Arithmetic.allCases)
    func matchesTheDefinition(_ arithmetic: Arithmetic) throws {
      guard arithmetic.isAvailable else { return }
      for (m, v, d, e) in [(1, 9, 5, 5), (20, 600, 33, 40), (310, 1100, 24, 16)] {
        var random = TestRandom("\(arithmetic) \(m)×\(v)")
        let (x, t) = (random.tensor([m, d], scale: 0.3), random.tensor([m, e], scale: 0.3))
        let own = try Products.weights(v, d, &random)
        let other = Weight.dense(random.tensor([v, e]))
        for (name, head) in [own[0], own[1], own[5]] {
          let expected = Self.expected(x, head, t, other, scale: 0.5, arithmetic)
          let dHidden = random.tensor([m, d])
          let values = Divergence.run(
            student: x, head: head, teacher: t, teacherHead: other, scale: 0.5, into: dHidden,
            arithmetic: arithmetic)
          let alone = Divergence.run(
            student: x, head: head, teacher: t, teacherHead: other, arithmetic: arithmetic)
          let note: Comment = "\(name), \(m) × \(v), \(arithmetic), \(random.note)"
          expectClose(values, expected.values, note)
          #expect(alone == values, note)
          expectClose(dHidden.values, expected.gradient, "gradient, \(note)")
        }
      }
    }

    /// Equal rows and heads give bitwise equal logits, so r − s and eˢ − p are 0.
    @Test func nothingDivergesFromItself() {
      var random = TestRandom()
      let x = random.tensor([40, 30])
      let w = Weight.dense(random.tensor([700, 30]))
      let dHidden = random.tensor([40, 30])
      let values = Divergence.run(
        student: x, head: w, teacher: x, teacherHead: w, into: dHidden)
      #expect(values.allSatisfy { $0 == 0 }, "\(random.note)")
      #expect(dHidden.values.allSatisfy { $0 == 0 }, "\(random.note)")
    }

    @Test func threadsDoNotChangeABit() {
      var random = TestRandom()
      let (x, t) = (random.tensor([330, 30]), random.tensor([330, 20]))
      let (w, u) = (
        Weight.dense(random.tensor([900, 30])), Weight.dense(random.tensor([900, 20]))
      )
      for arithmetic in Arithmetic.allCases {
        expectSameForAllThreadCounts("\(arithmetic), \(random.note)") {
          let dHidden = Tensor([330, 30])
          let values = Divergence.run(
            student: x, head: w, teacher: t, teacherHead: u, into: dHidden, arithmetic: arithmetic)
          return values + dHidden.values
        }
      }
    }

    @Test func theKernelMatchesItsTwin() {
      atEveryLevel { level in
        for n in oddSizes {
          var random = TestRandom("\(level) \(n)")
          let teacher = random.floats(3 * n)
          let student = random.floats(3 * n)
          var (fast, plain) = (student, student)
          let sums: [Float] = [1.5, 3, 2.25]
          let others: [Float] = [2, 1.75, 3]
          let start: [Float] = [0.5, 0, 1]
          var (a, b) = (start, start)
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
          var slopes: [Bounded] = []
          let divergences = (0..<3).map { row in
            var sum = BoundedSum()
            for i in row * n..<(row + 1) * n {
              let (s, r) = (
                Bounded(student[i]) - Bounded(sums[row]), Bounded(teacher[i]) - Bounded(others[row])
              )
              let p = r.exponential
              sum.add(p, r - s)
              slopes.append(s.exponential - p)
            }
            return Bounded(start[row]) + sum.total()
          }
          expectClose(fast, slopes, note)
          expectClose(plain, slopes, note)
          expectClose(a, divergences, note)
          expectClose(b, divergences, note)
        }
      }
    }
  }
}
