import Bytes
import CKernels
import Glibc

/// Grouped-query attention with a causal mask, computed tile by tile with an online softmax (Dao et
/// al., arXiv 2205.14135). Each thread holds one tile of scores at a time, and fully masked tiles
/// are skipped. Query heads that share a key head are computed together.
package enum Attention {
  /// Keys per tile of scores.
  static let keyTile = 256
  /// Rows (queries × heads of a group) per tile of scores, approximately.
  private static let tileRows = 384

  /// Computes out = softmax(q·kᵀ/√headDim)·v per head. `logSumExp` [queryRows, heads], if given,
  /// receives log Σ exp(score) for `backward`.
  ///
  /// - Parameter arithmetic: The arithmetic of the two products; the softmax is float32.
  package static func forward(
    q: Tensor, k: Tensor, v: Tensor, shape: AttentionShape, into out: Tensor,
    logSumExp: Tensor? = nil, arithmetic: Arithmetic = .float32
  ) {
    check(shape, queries: [q, out], keys: [k, v], logSumExp)
    precondition(!out.isReadOnly && logSumExp?.isReadOnly != true)
    var jobs: [AttentionTile] = []
    for unit in shape.units {
      for tile in unit.tiles(of: queryTile(shape)) {
        for kvHead in 0..<shape.kvHeads {
          jobs.append(AttentionTile(shape: shape, unit: unit, queries: tile, kvHead: kvHead))
        }
      }
    }
    // Tiles with the most work come first, so that threads finish together.
    jobs.sort { ($0.work, $1.unit.firstKey, $1.kvHead) > ($1.work, $0.unit.firstKey, $0.kvHead) }
    let ordered = jobs
    Parallel.forEach(ordered.count) { i in
      forwardTile(ordered[i], q, k, v, out, logSumExp, arithmetic)
    }
  }

  /// Queries per tile: a multiple of 16 between 32 and 192, for about `tileRows` rows.
  static func queryTile(_ shape: AttentionShape) -> Int {
    max(32, min(192, tileRows / shape.group / 16 * 16))
  }

  private static func forwardTile(
    _ tile: AttentionTile, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ out: Tensor,
    _ logSumExp: Tensor?, _ arithmetic: Arithmetic
  ) {
    let rows = tile.rows
    let dim = tile.shape.headDim
    let queries = tile.gather(q)
    let output = Tensor(uninitialized: [rows, dim])
    let scores = Tensor(uninitialized: [rows, keyTile])
    let highest = Tensor(uninitialized: [rows])
    highest.fill(-.infinity)
    let sum = Tensor([rows])
    let correction = Tensor(uninitialized: [rows])
    var first = true
    for block in tile.unit.keyBlocks(for: tile.queries, size: keyTile) {
      tile.scores(queries, k, block, into: scores, arithmetic)
      unsafe tile.forEachHead(block, scores) { view, row in
        unsafe ctk_online_softmax(
          view, highest.pointer + row, sum.pointer + row, correction.pointer + row, 1)
      }
      if !first { unsafe ctk_scale_rows(output.pointer, dim, rows, dim, correction.pointer) }
      unsafe Gemm(
        m: rows, n: dim, k: block.count, a: scores.pointer, lda: keyTile,
        b: v.pointer + tile.place(ofKey: block.row), ldb: tile.keyWidth, c: output.pointer,
        ldc: dim, beta: first ? 0 : 1
      ).run(arithmetic)
      first = false
    }
    for row in 0..<rows { unsafe correction.pointer[row] = 1 / sum.pointer[row] }
    unsafe ctk_scale_rows(output.pointer, dim, rows, dim, correction.pointer)
    tile.scatter(output, to: out)
    if let logSumExp {
      for row in 0..<rows {
        unsafe logSumExp.pointer[tile.statistic(ofRow: row)] =
          highest.pointer[row] + log(sum.pointer[row])
      }
    }
  }

  static func check(
    _ shape: AttentionShape, queries: [Tensor], keys: [Tensor], _ logSumExp: Tensor?
  ) {
    for tensor in queries {
      precondition(
        tensor.rows == shape.queryRows && tensor.columns == shape.heads * shape.headDim,
        "\(tensor.shape) for \(shape)")
    }
    for tensor in keys {
      precondition(
        tensor.rows == shape.keyRows && tensor.columns == shape.kvHeads * shape.headDim,
        "\(tensor.shape) for \(shape)")
    }
    if let logSumExp {
      precondition(
        logSumExp.rows == shape.queryRows && logSumExp.columns == shape.heads,
        "\(logSumExp.shape) for \(shape)")
    }
  }
}
