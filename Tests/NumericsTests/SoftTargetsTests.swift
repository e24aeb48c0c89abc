import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct SoftTargetsTests {
    /// Returns share·KL + (1 − share)·nll per row and its gradient by definition, from all logits;
    /// 0 for label −1.
    private func expected(
      _ x: Tensor, _ w: Weight, _ targets: SoftTargets, _ labels: [Int32], share: Float,
      scale: Float, _ arithmetic: Arithmetic
    ) -> (losses: [Bounded], gradient: [Bounded]) {
      let head = BoundedHead(x, w, arithmetic)
      let (means, d, k) = (head.means(), head.width, targets.k)
      let (one, share, scale) = (Bounded(1.0), Bounded(share), Bounded(scale))
      var losses = [Bounded](repeating: Bounded(0.0), count: labels.count)
      var gradient = [Bounded](repeating: Bounded(0.0), count: x.count)
      for (i, label) in labels.enumerated() where label >= 0 {
        let softmax = head.softmaxes[i]
        func logarithm(_ token: Int32) -> Bounded { softmax.scores[Int(token)] - softmax.logSum }
        let ids = targets.ids[i * k..<(i + 1) * k]
        let named = zip(ids, targets.probabilities[i * k..<(i + 1) * k])
        let tail = Bounded(targets.tails[i])
        let inside = Bounded.sum(ids.map { logarithm($0).exponential })
        // The student's tail is clamped to at least 10⁻⁴.
        let ownTail = Bounded.max(one - inside, Bounded(1e-4))
        var terms = named.filter { $1 > 0 }.map { id, p in
          Bounded(p) * (Bounded(p).logarithm - logarithm(id))
        }
        if tail.value > 0 { terms.append(tail * (tail.logarithm - ownTail.logarithm)) }
        losses[i] = share * .sum(terms) - (one - share) * logarithm(label)

        func row(_ token: Int32) -> ArraySlice<Float> {
          head.weights[Int(token) * d..<(Int(token) + 1) * d]
        }
        let ratio = tail / ownTail
        let slopes = named.map { id, p in
          (row(id), scale * share * (logarithm(id).exponential * ratio - Bounded(p)))
        }
        for c in 0..<d {
          var sum = BoundedSum()
          sum.add(scale * (one - share * ratio), means[i * d + c])
          for (row, slope) in slopes { sum.add(slope, Bounded(row[row.startIndex + c])) }
          sum.add(-scale * (one - share), Bounded(row(label)[row(label).startIndex + c]))
          gradient[i * d + c] = sum.total()
        }
      }
      return (losses, gradient)
    }

    @Test(arguments: Arithmetic.allCases)
    func matchesTheDefinition(_ arithmetic: Arithmetic) throws {
      guard arithmetic.isAvailable else { return }
      for (m, v, d, k) in [(3, 9, 5, 4), (20, 600, 33, 8), (310, 300, 16, 5)] {
        var random = TestRandom("\(arithmetic) \(m)×\(v)")
        let x = random.tensor([m, d], scale: 0.3)
        let teacher = Weight.dense(random.tensor([v, d]))
        let targets = TopTokens.run(
          hidden: random.tensor([m, d], scale: 0.4), head: teacher, k: k)
        let labels = (0..<m).map { $0 % 4 == 2 ? -1 : Int32(random.below(v)) }
        let own = try Products.weights(v, d, &random)
        for ((name, head), share) in zip([own[0], own[1], own[5]], [1, 0.5, 0.25] as [Float]) {
          let expected = expected(x, head, targets, labels, share: share, scale: 0.5, arithmetic)
          let dHidden = random.tensor([m, d])
          let values = SoftCrossEntropy.gradient(
            hidden: x, head: head, targets: targets, labels: labels, share: share, scale: 0.5,
            into: dHidden, arithmetic: arithmetic)
          let note: Comment = "\(name), \(m) × \(v), \(arithmetic), \(random.note)"
          expectClose(values, expected.losses, note)
          expectClose(dHidden.values, expected.gradient, "gradient, \(note)")
        }
      }
    }

    /// With the whole vocabulary as target tokens, the loss is the full divergence.
    ///
    /// Both are within their bounds of their definitions, which differ only by the rounding of the
    /// teacher's probabilities to p̃: p·log(p/q) changes by less than |p̃ − p|·(|log(p/q)| + 2),
    /// the gradient by |p̃ − p|·|w|, and the tail, which consists of rounding errors, adds
    /// t·|log(t/10⁻⁴)|.
    @Test func allTokensGiveTheWholeDivergence() {
      var random = TestRandom()
      let (m, d, v) = (7, 12, 40)
      let (x, t) = (random.tensor([m, d]), random.tensor([m, d]))
      let (w, u) = (
        Weight.dense(random.tensor([v, d], scale: 0.4)),
        Weight.dense(random.tensor([v, d], scale: 0.4))
      )
      let targets = TopTokens.run(hidden: t, head: u, k: v)
      let labels = [Int32](repeating: 0, count: m)
      let (dSoft, dWhole) = (Tensor([m, d]), Tensor([m, d]))
      let soft = SoftCrossEntropy.gradient(
        hidden: x, head: w, targets: targets, labels: labels, share: 1, scale: 1, into: dSoft)
      let whole = Divergence.run(
        student: x, head: w, teacher: t, teacherHead: u, into: dWhole)
      let ofSoft = expected(x, w, targets, labels, share: 1, scale: 1, .float32)
      let ofWhole = Divergences.expected(x, w, t, u, scale: 1, .float32)
      let (student, teacher) = (BoundedHead(x, w, .float32), BoundedHead(t, u, .float32))
      for row in 0..<m {
        let errors = (0..<v).map { teacher.softmaxes[row].probability($0).error }
        let logarithms = (0..<v).map { j in
          let (own, theirs) = (student.softmaxes[row], teacher.softmaxes[row])
          return abs(own.scores[j].value - own.logSum.value)
            + abs(theirs.scores[j].value - theirs.logSum.value)
        }
        let tail = Double(targets.tails[row])
        let ofTail = tail > 0 ? tail * abs(log(tail / 1e-4)) : 0
        let bound = zip(errors, logarithms).reduce(0) { $0 + $1.0 * ($1.1 + 2) } + ofTail
        let between = ofSoft.losses[row].error + ofWhole.values[row].error + bound
        #expect(abs(Double(soft[row] - whole[row])) <= between, "row \(row), \(random.note)")
        for c in 0..<d {
          let place = row * d + c
          let moved = (0..<v).reduce(0.0) {
            $0 + errors[$1] * Double(abs(student.weights[$1 * d + c]))
          }
          // The student's tail is clamped to 10⁻⁴: Σ q·t/10⁻⁴ over all tokens and over the targets
          // cancel.
          let between = ofSoft.gradient[place].error + ofWhole.gradient[place].error + moved
          #expect(
            abs(Double(dSoft[place] - dWhole[place])) <= between, "value \(place), \(random.note)")
        }
      }
    }

    @Test(arguments: [(3, 50, 4, 50), (20, 900, 12, 7), (310, 300, 4, 1)])
    func theMostLikelyTokensComeFirst(m: Int, v: Int, d: Int, k: Int) {
      var random = TestRandom("\(m) \(v) \(d) \(k)")
      let (x, w) = (random.tensor([m, d]), Weight.dense(random.tensor([v, d])))
      let found = TopTokens.run(hidden: x, head: w, k: k)
      for (row, softmax) in BoundedHead(x, w, .float32).softmaxes.enumerated() {
        let all = (0..<v).map { softmax.probability($0) }
        let ids = found.ids[row * k..<(row + 1) * k]
        let probabilities = found.probabilities[row * k..<(row + 1) * k]
        #expect(Set(ids).count == k, "\(random.note)")
        expectClose(probabilities, ids.map { all[Int($0)] }, "\(random.note)")
        // The i-th largest of several numbers changes by at most the largest change of any of them.
        let worst = all.reduce(0) { max($0, $1.error) }
        let sorted = all.map(\.value).sorted(by: >)[..<k]
        expectClose(probabilities, sorted.map { Bounded($0, error: worst) }, "\(random.note)")
      }
    }

    /// If a model is nearly sure of its token, its distribution has almost no tail. Gradients in
    /// bfloat16 must then stay close to those in float32.
    ///
    /// Logits of standard deviation 24 are sums of 64 terms of magnitude 3, each rounded by
    /// 2⁻⁸·√2/√12, so they are off by some 0.06, which is also the relative error of the gradients.
    /// A gradient divided by a tail of rounding errors would be off by orders of magnitude. The
    /// limit is an observation on fixed data, not a bound: the worst case of rounding is larger.
    @Test func nearlySureRowsKeepTheirSlopes() {
      guard Arithmetic.bfloat16.isAvailable else { return }
      var random = TestRandom(fixture: 1)
      let (m, d, v) = (60, 64, 800)
      let (x, w) = (random.tensor([m, d], scale: 3), random.tensor([v, d]))
      let teacher = random.tensor([m, d], scale: 3)
      Vector.add(x, scaledBy: 5, into: teacher)
      let targets = TopTokens.run(hidden: teacher, head: .dense(w), k: 32)
      let labels = [Int32](repeating: 5, count: m)
      func slopes(_ arithmetic: Arithmetic) -> [Float] {
        let dHidden = Tensor([m, d])
        _ = SoftCrossEntropy.gradient(
          hidden: x, head: .dense(w), targets: targets, labels: labels, share: 1, scale: 1,
          into: dHidden, arithmetic: arithmetic)
        return dHidden.values
      }
      let (plain, rounded) = (slopes(.float32), slopes(.bfloat16))
      func norm(_ values: [Float]) -> Double {
        values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      }
      let difference = norm(zip(plain, rounded).map { $0 - $1 })
      #expect(difference < 0.25 * norm(plain))
    }

    @Test func threadsDoNotChangeABit() {
      var random = TestRandom()
      let (x, w) = (random.tensor([330, 30]), Weight.dense(random.tensor([900, 30])))
      let labels = (0..<330).map { _ in Int32(random.below(900)) }
      for arithmetic in Arithmetic.allCases {
        expectSameForAllThreadCounts("\(arithmetic), \(random.note)") {
          let dHidden = Tensor([330, 30])
          let targets = TopTokens.run(hidden: x, head: w, k: 9, arithmetic: arithmetic)
          let values = SoftCrossEntropy.gradient(
            hidden: x, head: w, targets: targets, labels: labels, share: 0.7, scale: 1,
            into: dHidden, arithmetic: arithmetic)
          return values + dHidden.values + targets.probabilities
        }
      }
    }

    @Test func theKernelMatchesItsTwin() {
      atEveryLevel { level in
        for n in oddSizes {
          var random = TestRandom("\(level) \(n)")
          // Few distinct values, so that some are equal.
          let logits = (0..<3 * n).map { _ in Float(random.below(40)) }
          var fast = ([Float](repeating: -.infinity, count: 15), [Int32](repeating: -1, count: 15))
          var plain = fast
          unsafe logits.withUnsafeBufferPointer { logits in
            var tile = unsafe ctk_top_tokens(
              logits: logits.baseAddress, stride: n, rows: 3, n: n, first: 7, k: 5)
            unsafe ctk_top_tokens(&tile, &fast.0, &fast.1)
            unsafe ctk_top_tokens_ref(&tile, &plain.0, &plain.1)
          }
          let isEqual = fast.0 == plain.0 && fast.1 == plain.1
          #expect(isEqual, "n \(n), \(level), \(random.note)")
        }
      }
    }
  }
}
