import CKernels

/// A tile of queries of one unit, for all query heads that share a key/value head. Row h·queries +
/// i is query i of the group's head h.
struct AttentionTile: Sendable {
  let shape: AttentionShape
  let unit: AttentionShape.Unit
  /// The queries' indices in the unit.
  let queries: Range<Int>
  let kvHead: Int

  var rows: Int { shape.group * queries.count }
  /// Values per row of keys: kvHeads·headDim.
  var keyWidth: Int { shape.kvHeads * shape.headDim }
  /// A measure of the tile's cost, for scheduling.
  var work: Int { (unit.prefix + queries.upperBound) * queries.count }

  /// The offset of key or value row `row` of this tile's head.
  func place(ofKey row: Int) -> Int { row * keyWidth + kvHead * shape.headDim }

  /// The query row and query head of row `row` of the tile.
  private func query(ofRow row: Int) -> (query: Int, head: Int) {
    let (head, i) = row.quotientAndRemainder(dividingBy: queries.count)
    return (unit.firstQuery + queries.lowerBound + i, kvHead * shape.group + head)
  }

  /// The offset of the tile's row `row` in a tensor [queryRows, heads].
  func statistic(ofRow row: Int) -> Int {
    let (query, head) = query(ofRow: row)
    return query * shape.heads + head
  }

  private func place(ofRow row: Int) -> Int { statistic(ofRow: row) * shape.headDim }

  /// Copies the tile's rows of a tensor [queryRows, heads·headDim] to consecutive rows
  /// [rows, headDim].
  func gather(_ all: Tensor) -> Tensor {
    let dim = shape.headDim
    let result = Tensor(uninitialized: [rows, dim])
    for row in 0..<rows {
      unsafe (result.pointer + row * dim).update(from: all.pointer + place(ofRow: row), count: dim)
    }
    return result
  }

  /// Copies the tile's rows [rows, headDim] to their places in a tensor [queryRows, heads·headDim].
  func scatter(_ rowsOfTile: Tensor, to all: Tensor) {
    let dim = shape.headDim
    for row in 0..<rows {
      unsafe (all.pointer + place(ofRow: row)).update(
        from: rowsOfTile.pointer + row * dim, count: dim)
    }
  }

  /// Computes rowsOfTile·kᵀ for one block of keys (or values). The first `block.count` columns of
  /// `scores` [rows, stride] are written.
  func scores(
    _ rowsOfTile: Tensor, _ keys: Tensor, _ block: AttentionShape.Unit.KeyBlock,
    into scores: Tensor, _ arithmetic: Arithmetic = .float32
  ) {
    let dim = shape.headDim
    unsafe Gemm(
      m: rows, n: block.count, k: dim, a: rowsOfTile.pointer, lda: dim,
      b: keys.pointer + place(ofKey: block.row), ldb: keyWidth, transposeB: true,
      c: scores.pointer, ldc: scores.columns
    ).run(arithmetic)
  }

  /// Calls `body` with the C description of each head's rows of scores and the index of the first
  /// row.
  func forEachHead(
    _ block: AttentionShape.Unit.KeyBlock, _ scores: Tensor,
    _ body: (UnsafePointer<ctk_scores>, Int) -> Void
  ) {
    for head in 0..<shape.group {
      let row = head * queries.count
      var view = unsafe ctk_scores(
        scores: scores.pointer + row * scores.columns, stride: scores.columns, rows: queries.count,
        n: block.count, edge: block.edge(of: queries.lowerBound), scale: shape.scale)
      unsafe body(&view, row)
    }
  }
}
