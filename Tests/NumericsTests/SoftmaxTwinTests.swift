import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// The attention softmax against its plain twin at odd sizes and at every level.
  @Suite struct SoftmaxTwins {
    /// The factor of the scores, which is 1 / √headDim in attention.
    private static let scale = Bounded(Float(0.7))

    /// The online softmax of one row by its definition.
    private struct Running {
      var highest: Bounded?
      var sum = Bounded(0.0)
      var correction = Bounded(0.0)

      /// Adds visible scores; returns their weights exp(scale·s − highest).
      mutating func add(_ scores: some Collection<Float>) -> [Bounded] {
        guard let top = scores.max() else {
          correction = Bounded(1.0)
          return []
        }
        let scaled = Bounded(top) * scale
        let before = highest
        let now = before.map { .max($0, scaled) } ?? scaled
        correction = before.map { ($0 - now).exponential } ?? Bounded(0.0)
        let terms = scores.map { (Bounded($0) * scale - now).exponential }
        sum = sum * correction + .sum(terms)
        highest = now
        return terms
      }
    }

    /// Blocks with no, some and all columns visible under the causal mask.
    @Test func softmaxOverBlocks() {
      forEachSize { n, random, note in
        let (rows, stride) = (19, n + 2)
        var (m, l, c) = (SoftmaxState(rows), SoftmaxState(rows), SoftmaxState(rows))
        for i in 0..<rows {
          m.fast[i] = -.infinity
          m.plain[i] = -.infinity
        }
        var running = [Running](repeating: Running(), count: rows)
        for edge in [n, n - 7, -9] {
          let scores = random.floats(rows * stride, scale: 10)
          var (fast, plain) = (scores, scores)
          unsafe Self.withScores(&fast, n, stride, rows, edge) {
            unsafe ctk_online_softmax($0, &m.fast, &l.fast, &c.fast, 1)
          }
          unsafe Self.withScores(&plain, n, stride, rows, edge) {
            unsafe ctk_online_softmax_ref($0, &m.plain, &l.plain, &c.plain, 1)
          }
          for row in 0..<rows {
            let (first, visible) = (row * stride, max(0, min(n, edge + row)))
            let terms = running[row].add(scores[first..<first + visible])
            // Masked scores become 0, and padding between rows isn't written.
            let expected =
              terms + [Bounded](repeating: Bounded(0.0), count: n - visible)
              + exact(scores[first + n..<first + stride])
            let state = running[row]
            for (scores, values) in [
              (fast, [m.fast, l.fast, c.fast]), (plain, [m.plain, l.plain, c.plain]),
            ] {
              expectClose(scores[first..<first + stride], expected, note)
              guard let highest = state.highest else { continue }
              expectClose(values.map { $0[row] }, [highest, state.sum, state.correction], note)
            }
          }
        }
      }
    }

    @Test func softmaxWithoutKeepingLeavesTheScores() {
      var random = TestRandom()
      let scores = random.floats(3 * 40)
      var (left, kept) = (scores, scores)
      var (m, l, c) = (SoftmaxState(3), SoftmaxState(3), SoftmaxState(3))
      unsafe Self.withScores(&left, 40, 40, 3, 40) {
        unsafe ctk_online_softmax($0, &m.fast, &l.fast, &c.fast, 0)
      }
      unsafe Self.withScores(&kept, 40, 40, 3, 40) {
        unsafe ctk_online_softmax($0, &m.plain, &l.plain, &c.plain, 1)
      }
      #expect(left == scores && kept != scores && l.fast == l.plain, "\(random.note)")
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
          func visible(_ place: Int) -> Bool {
            place % stride < max(0, min(n, edge + place / stride))
          }
          func expected(
            _ before: [Float], _ formula: (Int, Bounded) -> Bounded
          ) -> [Bounded] {
            before.indices.map { place in
              if place % stride >= n { return Bounded(before[place]) }
              return visible(place) ? formula(place, Bounded(before[place])) : Bounded(0.0)
            }
          }
          let again = expected(scores) { place, score in
            (score * Self.scale - Bounded(logSum[place / stride])).exponential
          }
          expectClose(p, again, note)
          expectClose(plainP, again, note)
          var (fast, plain) = (dp, dp)
          unsafe Self.withScores(&fast, n, stride, rows, edge) {
            unsafe ctk_softmax_backward($0, p, logSum)
          }
          unsafe Self.withScores(&plain, n, stride, rows, edge) {
            unsafe ctk_softmax_backward_ref($0, p, logSum)
          }
          let slopes = expected(dp) { place, slope in
            Self.scale * Bounded(p[place]) * (slope - Bounded(logSum[place / stride]))
          }
          expectClose(fast, slopes, note)
          expectClose(plain, slopes, note)
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
