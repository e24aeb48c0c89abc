import CKernels
import Foundation
import Numerics
import Testing

extension NumericsTests {
  /// Attention's softmax against its plain twin, at odd sizes and at every level.
  @Suite struct SoftmaxTwins {
    /// Blocks with no, some and all columns visible, as the causal edge passes through.
    @Test func softmaxOverBlocks() {
      forEachSize { n, random, note in
        let (rows, stride) = (19, n + 2)
        var (m, l, c) = (SoftmaxState(rows), SoftmaxState(rows), SoftmaxState(rows))
        for i in 0..<rows {
          m.fast[i] = -.infinity
          m.plain[i] = -.infinity
        }
        var all = [[Double]](repeating: [], count: rows)
        for edge in [n, n - 7, -9] {
          let scores = random.floats(rows * stride, scale: 10)
          for row in 0..<rows {
            let visible = max(0, min(n, edge + row))
            all[row] += scores[row * stride..<row * stride + visible].map { 0.7 * Double($0) }
          }
          var (fast, plain) = (scores, scores)
          unsafe Self.withScores(&fast, n, stride, rows, edge) {
            unsafe ctk_online_softmax($0, &m.fast, &l.fast, &c.fast, 1)
          }
          unsafe Self.withScores(&plain, n, stride, rows, edge) {
            unsafe ctk_online_softmax_ref($0, &m.plain, &l.plain, &c.plain, 1)
          }
          expectClose(fast, plain, relative: 2e-5, note)
          expectClose(m.fast + l.fast + c.fast, m.plain + l.plain + c.plain, relative: 2e-5, note)
        }
        for row in 0..<rows {
          let exact = log(all[row].reduce(0) { $0 + exp($1) })
          expectClose([m.fast[row] + log(l.fast[row])], [exact], absolute: 1e-5, note)
        }
      }
    }

    @Test func softmaxWithoutKeepingLeavesTheScores() {
      var random = RandomValues()
      let scores = random.floats(3 * 40)
      var (left, kept) = (scores, scores)
      var (m, l, c) = (SoftmaxState(3), SoftmaxState(3), SoftmaxState(3))
      unsafe Self.withScores(&left, 40, 40, 3, 40) {
        unsafe ctk_online_softmax($0, &m.fast, &l.fast, &c.fast, 0)
      }
      unsafe Self.withScores(&kept, 40, 40, 3, 40) {
        unsafe ctk_online_softmax($0, &m.plain, &l.plain, &c.plain, 1)
      }
      #expect(left == scores && kept != scores && l.fast == l.plain, random.note)
    }

    @Test func softmaxAgainAndBackward() {
      forEachSize { n, random, note in
        let (rows, stride) = (5, n + 1)
        let scores = random.floats(rows * stride)
        let logSum = random.floats(rows)
        let dp = random.floats(rows * stride)
        for edge in [n, n - 2, -1] {
          var (p, plainP) = (scores, scores)
          unsafe Self.withScores(&p, n, stride, rows, edge) {
            unsafe ctk_softmax_again($0, logSum)
          }
          unsafe Self.withScores(&plainP, n, stride, rows, edge) {
            unsafe ctk_softmax_again_ref($0, logSum)
          }
          expectClose(p, plainP, note)
          var (fast, plain) = (dp, dp)
          unsafe Self.withScores(&fast, n, stride, rows, edge) {
            unsafe ctk_softmax_backward($0, p, logSum)
          }
          unsafe Self.withScores(&plain, n, stride, rows, edge) {
            unsafe ctk_softmax_backward_ref($0, p, logSum)
          }
          expectClose(fast, plain, absolute: 1e-5, note)
        }
      }
    }

    private struct SoftmaxState {
      var fast: [Float]
      var plain: [Float]
      init(_ rows: Int) {
        fast = [Float](repeating: 0, count: rows)
        plain = fast
      }
    }

    private static func withScores(
      _ scores: inout [Float], _ n: Int, _ stride: Int, _ rows: Int, _ edge: Int,
      _ body: (UnsafePointer<ctk_scores>) -> Void
    ) {
      unsafe scores.withUnsafeMutableBufferPointer { scores in
        var view = unsafe ctk_scores(
          scores: scores.baseAddress, stride: stride, rows: rows, n: n, edge: edge, scale: 0.7)
        unsafe body(&view)
      }
    }
  }
}
