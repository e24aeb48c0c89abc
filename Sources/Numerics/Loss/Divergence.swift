import Bytes
import CKernels

/// KL(teacher ‖ student) between two models' distributions over the vocabulary, in nats, and its
/// gradient with respect to the student's hidden rows. Both models' logits are computed tile by
/// tile in two passes, one for the softmax normalisers and one for the divergence, so that they are
/// never all in memory.
package enum Divergence {
  static let tile = 256
  static let rowsAtOnce = 300

  /// Returns the divergence in nats of each row of `student` [m, d] through `head` [V, d] from
  /// `teacher` [m, e] through `teacherHead` [V, e]. `dHidden` [m, d], if given, receives
  /// scale·∂(Σ KL)/∂student.
  package static func run(
    student: Tensor, head: Weight, teacher: Tensor, teacherHead: Weight, scale: Float = 1,
    into dHidden: Tensor? = nil, arithmetic: Arithmetic = .float32
  ) -> [Float] {
    precondition(
      student.rows == teacher.rows && head.rows == teacherHead.rows,
      "student and teacher must have the same rows and the same vocabulary")
    if let dHidden {
      precondition(
        dHidden.rows == student.rows && dHidden.columns == student.columns && !dHidden.isReadOnly)
    }
    var result: [Float] = []
    for start in stride(from: 0, to: student.rows, by: rowsAtOnce) {
      let rows = start..<min(student.rows, start + rowsAtOnce)
      result += run(
        VocabularyTiles(student.rows(rows), head, arithmetic),
        VocabularyTiles(teacher.rows(rows), teacherHead, arithmetic), scale,
        dHidden.map { $0.rows(rows) })
    }
    return result
  }

  private static func run(
    _ student: VocabularyTiles, _ teacher: VocabularyTiles, _ scale: Float, _ dHidden: Tensor?
  ) -> [Float] {
    let studentSums = logSums(student)
    let teacherSums = logSums(teacher)
    let (m, d) = (student.hidden.rows, student.head.columns)
    let parts = VocabularyTiles.parts
    let divergences = (0..<parts).map { _ in Tensor([m]) }
    let gradients = (0..<parts).map { _ in Tensor([dHidden == nil ? 0 : m, d]) }
    Parallel.forEach(parts) { part in
      let other = teacher.scratch(tile)
      let theirs = Tensor(uninitialized: [m, tile])
      student.forEachTile(tile, part: part) { range, ours, own in
        teacher.logits(range, into: theirs, stride: tile, other)
        var view = unsafe tileView(ours, theirs, m, range, studentSums, teacherSums)
        unsafe ctk_divergence(&view, divergences[part].pointer)
        if dHidden != nil {
          student.addBack(ours, stride: tile, range, to: gradients[part], own)
        }
      }
    }
    if let dHidden {
      dHidden.fill(0)
      for gradient in gradients { Vector.add(gradient, scaledBy: scale, into: dHidden) }
    }
    return (0..<m).map { row in divergences.reduce(Float(0)) { $0 + $1[row] } }
  }

  private static func tileView(
    _ ours: Tensor, _ theirs: Tensor, _ rows: Int, _ range: Range<Int>, _ studentSums: Tensor,
    _ teacherSums: Tensor
  ) -> ctk_divergence {
    unsafe ctk_divergence(
      student: ours.pointer, teacher: theirs.pointer, stride: tile, rows: rows, n: range.count,
      student_log_sum: studentSums.pointer, teacher_log_sum: teacherSums.pointer)
  }

  /// Returns log Σ exp of each row's logits over the vocabulary, [m].
  private static func logSums(_ tiles: VocabularyTiles) -> Tensor {
    let m = tiles.hidden.rows
    let parts = (0..<VocabularyTiles.parts).map { _ in RunningSoftmax(rows: m) }
    Parallel.forEach(parts.count) { part in
      tiles.forEachTile(tile, part: part) { tokens, logits, _ in
        parts[part].add(logits, count: tokens.count)
      }
    }
    return Tensor([m], (0..<m).map { RunningSoftmax.logSum(of: $0, parts) })
  }
}
