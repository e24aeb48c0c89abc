import Bytes
import Glibc

/// The divergence of one row's distribution from a teacher's, as an evaluation reports it.
package struct RowDivergence: Sendable, Equatable {
  /// KL(teacher ‖ student) in nats, ≥ 0; not finite if a logit isn't.
  package let kl: Double
  /// Whether both find the same token likeliest; among equals the first counts.
  package let sameTop: Bool

  package init(kl: Double, sameTop: Bool) { (self.kl, self.sameTop) = (kl, sameTop) }
}

extension Divergence {
  /// Compares each row of `student` [m, d] through `head` [V, d] with the same row of `teacher`
  /// [m, e] through `teacherHead` [V, e].
  ///
  /// Logits are float32; their exponentials and sums are float64, because the divergence of a good
  /// compression is a small difference of large sums. Both models' logits are computed once, tile by
  /// tile. With z and y the teacher's and the student's logits, a = max z and b = max y,
  ///
  ///     KL = Σ e^(z−a)·(z − y) / Σ e^(z−a) − (a + ln Σ e^(z−a)) + (b + ln Σ e^(y−b))
  ///
  /// whose sums are rescaled where a maximum rises (Milakov and Gimelshein, arXiv 1805.02867).
  package static func compare(
    student: Tensor, head: Weight, teacher: Tensor, teacherHead: Weight
  ) -> [RowDivergence] {
    precondition(
      student.rows == teacher.rows && head.rows == teacherHead.rows,
      "student and teacher must have the same rows and the same vocabulary")
    var result: [RowDivergence] = []
    for start in stride(from: 0, to: student.rows, by: rowsAtOnce) {
      let rows = start..<min(student.rows, start + rowsAtOnce)
      let student = VocabularyTiles(student.rows(rows), head, .float32)
      let teacher = VocabularyTiles(teacher.rows(rows), teacherHead, .float32)
      let parts = (0..<VocabularyTiles.parts).map { _ in RowSums(rows: rows.count) }
      Parallel.forEach(parts.count) { part in
        let other = teacher.scratch(tile)
        let theirs = Tensor(uninitialized: [rows.count, tile])
        student.forEachTile(tile, part: part) { range, ours, _ in
          teacher.logits(range, into: theirs, stride: tile, other)
          parts[part].add(student: ours, teacher: theirs, range)
        }
      }
      result += (0..<rows.count).map { RowSums.divergence(of: $0, parts) }
    }
    return result
  }
}

/// Running sums over one part of the vocabulary, for some rows. Only one thread uses it at a time.
private final class RowSums: @unchecked Sendable {
  private struct Row {
    /// The highest logits so far and the first tokens that have them.
    var (teacherTop, studentTop) = (-Float.infinity, -Float.infinity)
    var (teacherToken, studentToken) = (-1, -1)
    /// Σ e^(logit − highest) so far.
    var (teacherSum, studentSum) = (0.0, 0.0)
    /// Σ e^(z − a)·(z − y) so far.
    var product = 0.0
  }

  private var rows: [Row]

  init(rows: Int) { self.rows = Array(repeating: Row(), count: rows) }

  /// Adds the logits of the tokens `range`, the first columns of both tensors.
  func add(student: Tensor, teacher: Tensor, _ range: Range<Int>) {
    let width = student.columns
    for index in rows.indices {
      unsafe add(
        student.pointer + index * width, teacher.pointer + index * width, range, to: &rows[index])
    }
  }

  private func add(
    _ student: UnsafeMutablePointer<Float>, _ teacher: UnsafeMutablePointer<Float>,
    _ range: Range<Int>, to row: inout Row
  ) {
    let (oldTeacher, oldStudent) = (row.teacherTop, row.studentTop)
    for i in 0..<range.count {
      let (z, y) = unsafe (teacher[i], student[i])
      if z > row.teacherTop { (row.teacherTop, row.teacherToken) = (z, range.lowerBound + i) }
      if y > row.studentTop { (row.studentTop, row.studentToken) = (y, range.lowerBound + i) }
    }
    if row.teacherTop > oldTeacher {
      let factor = Self.factor(from: oldTeacher, to: row.teacherTop)
      row.teacherSum *= factor
      row.product *= factor
    }
    if row.studentTop > oldStudent {
      row.studentSum *= Self.factor(from: oldStudent, to: row.studentTop)
    }
    let (a, b) = (Double(row.teacherTop), Double(row.studentTop))
    var (teacherSum, studentSum, product) = (0.0, 0.0, 0.0)
    for i in 0..<range.count {
      let (z, y) = unsafe (Double(teacher[i]), Double(student[i]))
      let p = exp(z - a)
      teacherSum += p
      product += p * (z - y)
      studentSum += exp(y - b)
    }
    row.teacherSum += teacherSum
    row.studentSum += studentSum
    row.product += product
  }

  /// e^(old − new); 0 before the first logit.
  private static func factor(from old: Float, to new: Float) -> Double {
    old == -.infinity ? 0 : exp(Double(old) - Double(new))
  }

  /// The divergence of row `index` over all parts of the vocabulary, combined in their order.
  static func divergence(of index: Int, _ parts: [RowSums]) -> RowDivergence {
    var all = Row()
    for part in parts {
      let row = part.rows[index]
      if row.teacherTop > all.teacherTop {
        (all.teacherTop, all.teacherToken) = (row.teacherTop, row.teacherToken)
      }
      if row.studentTop > all.studentTop {
        (all.studentTop, all.studentToken) = (row.studentTop, row.studentToken)
      }
    }
    for part in parts {
      let row = part.rows[index]
      let factor = factor(from: row.teacherTop, to: all.teacherTop)
      all.teacherSum += row.teacherSum * factor
      all.product += row.product * factor
      all.studentSum += row.studentSum * Self.factor(from: row.studentTop, to: all.studentTop)
    }
    let kl =
      all.product / all.teacherSum - (Double(all.teacherTop) + log(all.teacherSum))
      + (Double(all.studentTop) + log(all.studentSum))
    // Equal values differ by roundings of float64, to either side.
    return RowDivergence(
      kl: kl < 0 ? 0 : kl, sameTop: all.teacherToken == all.studentToken)
  }
}
