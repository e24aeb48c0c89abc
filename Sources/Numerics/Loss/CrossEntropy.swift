import Bytes
import CKernels

/// The negative log-likelihood of target tokens, fused with the output head.
package enum CrossEntropy {
  /// Returns −log p(target) in nats for each row of `hidden` [m, d] through `head` [V, d]. Rows
  /// with target −1 are skipped: their loss is 0.
  package static func loss(
    hidden: Tensor, head: Weight, targets: [Int32], arithmetic: Arithmetic = .float32
  ) -> [Float] {
    run(hidden, head, targets, arithmetic.available, gradient: nil, scale: 0)
  }

  /// Returns −log p(target) in nats for each row of `hidden` [m, d] through `head` [V, d] and
  /// writes scale·∂(Σ nll)/∂hidden to `dHidden` [m, d]. Rows with target −1 are skipped: their loss
  /// and gradient are 0.
  package static func gradient(
    hidden: Tensor, head: Weight, targets: [Int32], scale: Float, into dHidden: Tensor,
    arithmetic: Arithmetic = .float32
  ) -> [Float] {
    precondition(dHidden.count == hidden.count && !dHidden.isReadOnly)
    dHidden.fill(0)
    return run(hidden, head, targets, arithmetic.available, gradient: dHidden, scale: scale)
  }

  private static func run(
    _ hidden: Tensor, _ head: Weight, _ targets: [Int32], _ arithmetic: Arithmetic,
    gradient: Tensor?, scale: Float
  ) -> [Float] {
    let d = head.columns
    precondition(hidden.columns == d && targets.count == hidden.rows)
    precondition(targets.allSatisfy { $0 >= -1 && Int($0) < head.rows }, "target outside")
    var losses = [Float](repeating: 0, count: targets.count)
    forEachScored(targets, width: d, arithmetic) { rows in
      let x = gathered(hidden, rows)
      let softmax = VocabularySoftmax(x, head, arithmetic, withMeans: gradient != nil)
      let target = Tensor(uninitialized: [rows.count, d])
      head.gather(rows.map { targets[$0] }, into: target)
      for (i, row) in rows.enumerated() {
        var logit: Float = 0
        unsafe ctk_dot_rows(target.pointer + i * d, x.pointer + i * d, d, 1, d, &logit, 1, 0)
        losses[row] = softmax.logSums[i] - logit
      }
      guard let gradient else { return }
      Parallel.ranges(rows.count, grain: 32) { range in
        for i in range {
          let place = unsafe gradient.pointer + rows[i] * d
          unsafe softmax.addMean(of: i, times: scale, to: place)
          unsafe ctk_add_scaled(target.pointer + i * d, -scale, place, d)
        }
      }
    }
    return losses
  }

  /// Calls `body` with the indices of rows that have a target, as many at a time as
  /// `VocabularySoftmax` takes.
  static func forEachScored(
    _ targets: [Int32], width: Int, _ arithmetic: Arithmetic, _ body: ([Int]) -> Void
  ) {
    let scored = targets.indices.filter { targets[$0] >= 0 }
    let step = VocabularySoftmax.rowsAtOnce(width: width, arithmetic)
    for start in stride(from: 0, to: scored.count, by: step) {
      body(Array(scored[start..<min(scored.count, start + step)]))
    }
  }

  /// Returns a copy of the given rows of `hidden`, [rows.count, d].
  static func gathered(_ hidden: Tensor, _ rows: [Int]) -> Tensor {
    let d = hidden.columns
    let x = Tensor(uninitialized: [rows.count, d])
    for (i, row) in rows.enumerated() {
      unsafe (x.pointer + i * d).update(from: hidden.pointer + row * d, count: d)
    }
    return x
  }
}
