import Numerics

/// The loss of a batch's tokens: cross-entropy with the text, or divergence from a teacher.
package enum LossTarget: Sendable {
  /// Cross-entropy with the text's own next tokens.
  case tokens
  /// Divergence from a teacher's most likely next tokens at each row of the sequences [B·T] (the
  /// last row of a sequence isn't read), with weight `share`; the rest of the loss is
  /// cross-entropy.
  case soft(SoftTargets, share: Double)
  /// Divergence from a teacher's predictions over the whole vocabulary, given by its hidden rows
  /// [B·T, e] and its head [V, e], with weight `share`; the rest of the loss is cross-entropy.
  case teacher(hidden: Tensor, head: Weight, share: Double)

  /// Computes the mean loss in nats per row with a label, and writes its gradient with respect to
  /// `hidden` [rows, e] to `dHidden`: zero for rows without a label.
  ///
  /// - Parameter labels: the next token of each row [rows]; −1 for the last row of a sequence.
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
      return Self.wholeDivergence(
        hidden, head, teacher, teacherHead, share, scored, labels, into: dHidden, arithmetic)
    }
    return losses.reduce(0.0) { $0 + Double($1) } * scale
  }

  /// The loss of case `teacher`, with its gradient.
  private static func wholeDivergence(
    _ hidden: Tensor, _ head: Weight, _ teacher: Tensor, _ teacherHead: Weight, _ share: Double,
    _ scored: [Int], _ labels: [Int32], into dHidden: Tensor, _ arithmetic: Arithmetic
  ) -> Double {
    precondition(
      teacher.rows == hidden.rows, "the teacher must have one row for each of the student's")
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
  /// Copies of the rows `indices`, [indices.count, columns].
  func gathered(_ indices: [Int]) -> Tensor {
    let result = Tensor([indices.count, columns])
    for (i, row) in indices.enumerated() {
      result.rows(i..<i + 1).copy(from: rows(row..<row + 1))
    }
    return result
  }
}
