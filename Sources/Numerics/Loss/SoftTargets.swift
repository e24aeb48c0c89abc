import Bytes
import CKernels
import Glibc

/// A teacher's next-token distributions: per row the probabilities of k tokens, and the tail, which
/// is the total probability of all other tokens.
package struct SoftTargets: Sendable, Equatable {
  /// The number of tokens per row.
  package let k: Int
  /// Token ids, [rows · k]; those of a row are distinct.
  package var ids: [Int32]
  /// Probabilities of `ids`, [rows · k], ≥ 0.
  package var probabilities: [Float]
  /// The total probability of all other tokens, [rows]. It is stored because 1 − Σ probabilities
  /// may consist of rounding errors alone.
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

/// A distillation loss: the KL divergence from a teacher known by its most likely tokens, mixed
/// with the cross-entropy of the text. Fused with the output head, it costs no more than the
/// cross-entropy.
///
/// Let q be the student's probabilities, S the set of the row's target tokens, p their teacher
/// probabilities and t the teacher's tail. The divergence is that of the two distributions over S
/// and one class for all other tokens:
///
///     KL = Σ_S p·log(p/q) + t·log(t / (1 − Σ_S q))
///
/// By the chain rule of divergences it never exceeds the KL over the whole vocabulary; the
/// difference is the tail's share. Its derivative with respect to a logit is q − p for tokens in S,
/// and q·(1 − t / (1 − Σ_S q)) for the others.
package enum SoftCrossEntropy {
  /// The lower bound of the student's tail 1 − Σ_S q. A smaller tail is lost in the rounding of the
  /// sum, and t / (1 − Σ_S q) would be arbitrary.
  private static let smallestTail = 1e-4

  /// Returns share·KL + (1 − share)·nll in nats for each row of `hidden` [m, d] through `head` [V,
  /// d], and writes scale·∂(Σ)/∂hidden to `dHidden` [m, d]. Rows with label −1 are skipped: their
  /// loss and gradient are 0.
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
      // The target tokens' logits must be rounded as the softmax's are, or the sum of their
      // probabilities could exceed 1.
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

  /// The soft targets and the label of one row.
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
      // Summed in float64, because the student's tail is 1 − Σ q.
      var (divergence, own) = (0.0, 0.0)
      for j in 0..<k {
        let p = Double(probabilities[j])
        own += exp(Double(logs[j]))
        if p > 0 { divergence += p * (log(p) - Double(logs[j])) }
      }
      let ownTail = max(smallestTail, 1 - own)
      if tail > 0 { divergence += tail * (log(tail) - log(ownTail)) }

      let ratio = Float(tail / ownTail)
      // The derivative outside of S is applied to every token, then the difference to those in S.
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
  /// Rounds elements in place to the nearest bfloat16, ties to even, as bfloat16 products do.
  func roundToBFloat16(_ range: Range<Int>) {
    for i in range {
      let bits = unsafe pointer[i].bitPattern
      let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000
      unsafe pointer[i] = Float(bitPattern: rounded)
    }
  }
}
