import Bytes
import Checkpoints
import Numerics

extension RowPlan {
  /// A plan of rows at any positions, whose attention the caller computes.
  /// - Parameter rotary: a table of at least as many positions; nil if the model's aren't rotary.
  init(_ c: ModelConfiguration, positions: [Int32], rotary: RotaryTable?) {
    shape = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: 0, sequences: 1,
      length: positions.count)
    self.positions = positions
    self.rotary = rotary
  }
}

extension TokenTree {
  /// Computes the attention of this tree's rows, all views of one pass's buffers: each row attends to
  /// the known rows, to the trunk up to itself, and to its own branch up to itself.
  ///
  /// - Parameters:
  ///   - known: keys and values before the tree [P, kvHeads·headDim].
  ///   - q, k, v: of the tree's rows.
  ///   - out: receives attention's output for them [rows, heads·headDim].
  func attend(
    _ c: ModelConfiguration, known: (k: Tensor, v: Tensor), q: Tensor, k: Tensor, v: Tensor,
    into out: Tensor, arithmetic: Arithmetic
  ) {
    let (before, count, width) = (known.k.rows, texts.count, longest)
    func shape(prefix: Int, sequences: Int, length: Int) -> AttentionShape {
      AttentionShape(
        heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: prefix,
        sequences: sequences, length: length, queriesFromPrefix: false)
    }
    // Branches of equal length: each is followed by zeros, which no earlier row sees.
    let allKeys = laidOut(k, after: known.k)
    let allValues = laidOut(v, after: known.v)
    if trunk > 0 {
      let rows = 0..<trunk
      Attention.forward(
        q: q.rows(rows), k: allKeys.rows(0..<before + trunk), v: allValues.rows(0..<before + trunk),
        shape: shape(prefix: before, sequences: 1, length: trunk), into: out.rows(rows),
        arithmetic: arithmetic)
    }
    guard width > 0 else { return }
    let queries = Tensor([count * width, q.columns])
    let outputs = Tensor([count * width, q.columns])
    for (index, start) in branchStarts.enumerated() where length(index) > 0 {
      queries.rows(index * width..<index * width + length(index))
        .copy(from: q.rows(start..<start + length(index)))
    }
    Attention.forward(
      q: queries, k: allKeys, v: allValues,
      shape: shape(prefix: before + trunk, sequences: count, length: width), into: outputs,
      arithmetic: arithmetic)
    for (index, start) in branchStarts.enumerated() where length(index) > 0 {
      out.rows(start..<start + length(index))
        .copy(from: outputs.rows(index * width..<index * width + length(index)))
    }
  }

  /// Keys or values of the known rows, the trunk and the branches, each branch as long as the longest.
  private func laidOut(_ rows: Tensor, after known: Tensor) -> Tensor {
    let before = known.rows
    let all = Tensor([before + trunk + texts.count * longest, rows.columns])
    if before > 0 { all.rows(0..<before).copy(from: known) }
    if trunk > 0 { all.rows(before..<before + trunk).copy(from: rows.rows(0..<trunk)) }
    for (index, start) in branchStarts.enumerated() where length(index) > 0 {
      let place = before + trunk + index * longest
      all.rows(place..<place + length(index))
        .copy(from: rows.rows(start..<start + length(index)))
    }
    return all
  }
}
