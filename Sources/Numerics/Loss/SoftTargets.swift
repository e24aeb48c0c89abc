import Bytes
import CKernels
import Glibc

/// What a teacher says of the next token, row by row: its probabilities for k tokens, and all the
/// rest as one number, the tail.
package struct SoftTargets: Sendable, Equatable {
  /// Tokens named per row.
  package let k: Int
  /// [rows · k], the tokens of a row all different.
  package var ids: [Int32]
  /// [rows · k], ≥ 0.
  package var probabilities: [Float]
  /// [rows], the probability of all other tokens together. A number of its own: what the rounded
  /// probabilities leave of 1 may be nothing but their rounding.
  package var tails: [Float]

  package init(k: Int, ids: [Int32], probabilities: [Float], tails: [Float]) {
    precondition(k > 0 && ids.count == probabilities.count && ids.count == tails.count * k)
    self.k = k
    self.ids = ids
    self.probabilities = probabilities
    self.tails = tails
  }

  package var rows: Int { ids.count / k }
}

/// The divergence from a teacher that is known by its most likely tokens, mixed with the
/// cross-entropy of the text itself, fused with the output head at the cost of the latter alone.
///
/// Per row, with q the student's probabilities, S the tokens named, p their probabilities and t the
/// tail, the divergence of the two distributions over S and “any other”:
///
///     KL = Σ_S p·log(p/q) + t·log(t / (1 − Σ_S q))
///
/// By the chain rule of divergences it is never more than the whole KL, and the gap is the tail's
/// own. Its slope to a logit is q − p in S, and q·(1 − t / (1 − Σ_S q)) outside.
package enum SoftCrossEntropy {
  /// Below this the student's own tail drowns in the rounding of its sum: it then counts as so much,
  /// lest t / (1 − Σ_S q) be anything.
  private static let smallestTail = 1e-4

  /// share·KL + (1 − share)·nll in nats per row of `hidden` [m, d] through `head` [V, d]; 0 where
  /// the label is −1, and no work either. `dHidden` [m, d] receives scale·∂(Σ)/∂hidden.
  package static func gradient(
    hidden: Tensor, head: Weight, targets: SoftTargets, labels: [Int32], share: Float,
    scale: Float, into dHidden: Tensor, arithmetic: Arithmetic = .float32
  ) -> [Float] {
    let d = head.columns
    precondition(hidden.columns == d && labels.count == hidden.rows && targets.rows == hidden.rows)
    precondition(dHidden.count == hidden.count && !dHidden.isReadOnly)
    precondition(labels.allSatisfy { $0 >= -1 && Int($0) < head.rows }, "label outside")
    precondition(targets.ids.allSatisfy { $0 >= 0 && Int($0) < head.rows }, "token outside")
    dHidden.fill(0)
    let losses = Tensor([labels.count])
    let arithmetic = arithmetic.available
    CrossEntropy.forEachScored(labels, width: d, arithmetic) { rows in
      let x = CrossEntropy.gathered(hidden, rows)
      let softmax = VocabularySoftmax(x, head, arithmetic, withMeans: true)
      // The named tokens' logits must be those of the softmax: rounded elsewhere, a sum of their
      // shares could exceed 1.
      let isRounded = arithmetic == .bfloat16
      if isRounded { x.roundToBFloat16(0..<x.count) }
      Parallel.ranges(rows.count, grain: 8) { range in
        let scratch = Tensor(uninitialized: [targets.k + 1, d])
        for i in range {
          let place = unsafe dHidden.pointer + rows[i] * d
          let row = Row(
            targets, rows[i], label: labels[rows[i]], share: share, isRounded: isRounded)
          losses[rows[i]] = unsafe row.run(
            x.pointer + i * d, head, softmax, i, scale, scratch, into: place)
        }
      }
    }
    return losses.values
  }

  /// One row's teacher and label.
  private struct Row {
    let ids: [Int32]
    let probabilities: [Float]
    let tail: Double
    let share: Float
    let isRounded: Bool

    init(_ targets: SoftTargets, _ row: Int, label: Int32, share: Float, isRounded: Bool) {
      let range = row * targets.k..<(row + 1) * targets.k
      ids = targets.ids[range] + [label]
      probabilities = Array(targets.probabilities[range])
      tail = Double(targets.tails[row])
      self.share = share
      self.isRounded = isRounded
    }

    func run(
      _ x: UnsafePointer<Float>, _ head: Weight, _ softmax: VocabularySoftmax, _ i: Int,
      _ scale: Float, _ scratch: Tensor, into place: UnsafeMutablePointer<Float>
    ) -> Float {
      let (k, d) = (probabilities.count, head.columns)
      var logs = [Float](repeating: 0, count: k + 1)
      for (j, id) in ids.enumerated() {
        let weight = unsafe scratch.pointer + j * d
        unsafe head.decode(Int(id)..<Int(id) + 1, into: weight)
        if isRounded { scratch.roundToBFloat16(j * d..<(j + 1) * d) }
        unsafe ctk_dot_rows(weight, x, d, 1, d, &logs[j], 1, 0)
        logs[j] -= softmax.logSums[i]
      }
      // In float64: the student's tail is what is left of 1.
      var (divergence, own) = (0.0, 0.0)
      for j in 0..<k {
        let p = Double(probabilities[j])
        own += exp(Double(logs[j]))
        if p > 0 { divergence += p * (log(p) - Double(logs[j])) }
      }
      let ownTail = max(smallestTail, 1 - own)
      if tail > 0 { divergence += tail * (log(tail) - log(ownTail)) }

      let ratio = Float(tail / ownTail)
      // Every token as one outside of S, then the difference for those inside.
      unsafe softmax.addMean(of: i, times: scale * (1 - share * ratio), to: place)
      for j in 0..<k {
        let slope = exp(logs[j]) * ratio - probabilities[j]
        unsafe ctk_add_scaled(scratch.pointer + j * d, scale * share * slope, place, d)
      }
      unsafe ctk_add_scaled(scratch.pointer + k * d, -scale * (1 - share), place, d)
      return share * Float(divergence) - (1 - share) * logs[k]
    }
  }
}

extension Tensor {
  /// Rounds some elements to the nearest bfloat16, halves to even, as products in it do.
  func roundToBFloat16(_ range: Range<Int>) {
    for i in range {
      let bits = unsafe pointer[i].bitPattern
      let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000
      unsafe pointer[i] = Float(bitPattern: rounded)
    }
  }
}
