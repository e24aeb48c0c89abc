import CKernels

/// Some queries of one unit, for all heads that read one key/value head. Its rows are those heads'
/// queries, head after head: row h·queries + i.
struct AttentionTile: Sendable {
  let shape: AttentionShape
  let unit: AttentionShape.Unit
  /// Numbers within the unit.
  let queries: Range<Int>
  let kvHead: Int

  var rows: Int { shape.group * queries.count }
  var keyWidth: Int { shape.kvHeads * shape.headDim }
  var work: Int { (unit.prefix + queries.upperBound) * queries.count }

  /// Where key or value row `row` of this tile's head starts.
  func place(ofKey row: Int) -> Int { row * keyWidth + kvHead * shape.headDim }

  /// Where row `row` of the tile stands among all queries and heads.
  private func query(ofRow row: Int) -> (query: Int, head: Int) {
    let (head, i) = row.quotientAndRemainder(dividingBy: queries.count)
    return (unit.firstQuery + queries.lowerBound + i, kvHead * shape.group + head)
  }

  /// Its place in a tensor [queryRows, heads].
  func statistic(ofRow row: Int) -> Int {
    let (query, head) = query(ofRow: row)
    return query * shape.heads + head
  }

  private func place(ofRow row: Int) -> Int { statistic(ofRow: row) * shape.headDim }

  /// The tile's rows of a tensor [queryRows, heads·headDim], one after another.
  func gather(_ all: Tensor) -> Tensor {
    let dim = shape.headDim
    let result = Tensor(uninitialized: [rows, dim])
    for row in 0..<rows {
      unsafe (result.pointer + row * dim).update(from: all.pointer + place(ofRow: row), count: dim)
    }
    return result
  }

  /// The way back.
  func scatter(_ rowsOfTile: Tensor, to all: Tensor) {
    let dim = shape.headDim
    for row in 0..<rows {
      unsafe (all.pointer + place(ofRow: row)).update(
        from: rowsOfTile.pointer + row * dim, count: dim)
    }
  }

  /// rowsOfTile·kᵀ for one block of keys (or of values), [rows, stride] of which the first
  /// `block.count` columns are written.
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

  /// Calls `body` with the kernels' view of each head's rows of scores, and the first row's number.
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
