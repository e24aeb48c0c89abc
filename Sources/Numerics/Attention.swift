import CKernels
import Glibc

/// Grouped-query attention with a causal mask, tile by tile with a running softmax (Dao et al.,
/// arXiv 2205.14135): no more than a tile of scores exists at a time, and tiles that are masked
/// entirely aren't computed.
public enum Attention {
  /// Queries and keys per tile of scores.
  static let queryTile = 128
  static let keyTile = 512

  /// out = softmax(q·kᵀ/√headDim)·v per head. `logSumExp` [queryRows, heads] receives
  /// log Σ exp(score) where given, for `backward`.
  public static func forward(
    q: Tensor, k: Tensor, v: Tensor, shape: AttentionShape, into out: Tensor,
    logSumExp: Tensor? = nil
  ) {
    check(shape, queries: [q, out], keys: [k, v], logSumExp)
    precondition(!out.isReadOnly && logSumExp?.isReadOnly != true)
    // Long tiles come first, so that the last ones to be taken are short.
    var jobs: [Job] = []
    for unit in shape.units {
      for tile in unit.tiles(of: queryTile) {
        for head in 0..<shape.heads { jobs.append(Job(unit: unit, tile: tile, head: head)) }
      }
    }
    jobs.sort { ($0.work, $1.unit.firstKey, $1.head) > ($1.work, $0.unit.firstKey, $0.head) }
    let ordered = jobs
    Parallel.forEach(ordered.count) { i in
      forwardTile(ordered[i], q, k, v, shape, out, logSumExp)
    }
  }

  struct Job {
    let unit: AttentionShape.Unit
    let tile: Range<Int>
    let head: Int
    var work: Int { (unit.prefix + tile.upperBound) * tile.count }
  }

  private static func forwardTile(
    _ job: Job, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ shape: AttentionShape, _ out: Tensor,
    _ logSumExp: Tensor?
  ) {
    let rows = job.tile.count
    let dim = shape.headDim
    let query = job.unit.firstQuery + job.tile.lowerBound
    let width = shape.heads * dim
    let keyWidth = shape.kvHeads * dim
    let keyColumn = job.head / shape.group * dim
    let scores = Tensor(uninitialized: [rows, keyTile])
    let output = unsafe out.pointer + query * width + job.head * dim
    var highest = [Float](repeating: -.infinity, count: rows)
    var sum = [Float](repeating: 0, count: rows)
    var correction: Float = 1
    var first = true
    for block in job.unit.keyBlocks(for: job.tile, size: keyTile) {
      let keys = block.row * keyWidth + keyColumn
      unsafe Gemm(
        m: rows, n: block.count, k: dim, a: q.pointer + query * width + job.head * dim, lda: width,
        b: k.pointer + keys, ldb: keyWidth, transposeB: true, c: scores.pointer, ldc: keyTile
      ).run()
      for i in 0..<rows {
        let row = unsafe scores.pointer + i * keyTile
        let visible = block.visible(to: job.tile.lowerBound + i)
        unsafe ctk_online_softmax(
          row, visible, shape.scale, &highest[i], &sum[i], &correction)
        unsafe (row + visible).update(repeating: 0, count: block.count - visible)
        if !first && correction != 1 { unsafe ctk_scale(output + i * width, correction, dim) }
      }
      unsafe Gemm(
        m: rows, n: dim, k: block.count, a: scores.pointer, lda: keyTile, b: v.pointer + keys,
        ldb: keyWidth, c: output, ldc: width, beta: first ? 0 : 1
      ).run()
      first = false
    }
    for i in 0..<rows {
      unsafe ctk_scale(output + i * width, 1 / sum[i], dim)
      if let logSumExp {
        unsafe logSumExp.pointer[(query + i) * shape.heads + job.head] = highest[i] + log(sum[i])
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
