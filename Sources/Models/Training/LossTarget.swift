import Numerics

/// The loss of a batch's tokens: against the text, or against a teacher.
package enum LossTarget: Sendable {
  /// The text's own next tokens: cross-entropy.
  case tokens
  /// A teacher's most likely tokens at each row of the sequences [B·T] (the last of a sequence is
  /// not read); `share` of the loss is the divergence from them, the rest cross-entropy.
  case soft(SoftTargets, share: Double)
  /// A teacher's hidden rows [B·T, e] in front of its head [V, e]: the whole divergence.
  case teacher(hidden: Tensor, head: Weight, share: Double)

  /// The mean loss in nats per row with a label, and its gradient to `hidden` [rows, e], which is
  /// zero where there is no label.
  ///
  /// - Parameter labels: the next token of each row; −1 where a sequence ends.
  func gradient(
    hidden: Tensor, head: Weight, labels: [Int32], into dHidden: Tensor, arithmetic: Arithmetic
  ) -> Double {
    let scored = labels.indices.filter { labels[$0] >= 0 }
    let scale = 1 / Double(scored.count)
    let losses: [Float]
    switch self {
    case .tokens:
      losses = CrossEntropy.gradient(
        hidden: hidden, head: head, targets: labels, scale: Float(scale), into: dHidden,
        arithmetic: arithmetic)
    case .soft(let targets, let share):
      losses = SoftCrossEntropy.gradient(
        hidden: hidden, head: head, targets: targets, labels: labels, share: Float(share),
        scale: Float(scale), into: dHidden, arithmetic: arithmetic)
    case .teacher(let teacher, let teacherHead, let share):
      return Self.whole(
        hidden, head, teacher, teacherHead, share, scored, labels, into: dHidden, arithmetic)
    }
    return losses.reduce(0.0) { $0 + Double($1) } * scale
  }

  private static func whole(
    _ hidden: Tensor, _ head: Weight, _ teacher: Tensor, _ teacherHead: Weight, _ share: Double,
    _ scored: [Int], _ labels: [Int32], into dHidden: Tensor, _ arithmetic: Arithmetic
  ) -> Double {
    precondition(teacher.rows == hidden.rows, "a teacher's row for each of the student's")
    let scale = 1 / Double(scored.count)
    var crossEntropy = 0.0
    if share < 1 {
      let losses = CrossEntropy.gradient(
        hidden: hidden, head: head, targets: labels, scale: Float((1 - share) * scale),
        into: dHidden, arithmetic: arithmetic)
      crossEntropy = losses.reduce(0.0) { $0 + Double($1) } * scale
    } else {
      dHidden.fill(0)
    }
    let slopes = Tensor([scored.count, hidden.columns])
    let divergences = Divergence.run(
      student: hidden.gathered(scored), head: head, teacher: teacher.gathered(scored),
      teacherHead: teacherHead, scale: Float(share * scale), into: slopes, arithmetic: arithmetic)
    for (i, row) in scored.enumerated() {
      Vector.add(slopes.rows(i..<i + 1), into: dHidden.rows(row..<row + 1))
    }
    let divergence = divergences.reduce(0.0) { $0 + Double($1) } * scale
    return share * divergence + (1 - share) * crossEntropy
  }
}

extension Tensor {
  /// Copies of some rows [indices.count, columns].
  func gathered(_ indices: [Int]) -> Tensor {
    let result = Tensor([indices.count, columns])
    for (i, row) in indices.enumerated() {
      result.rows(i..<i + 1).copy(from: rows(row..<row + 1))
    }
    return result
  }
}
