import Bytes
import CKernels

extension Attention {
  /// Computes the gradients with respect to q, k and v (overwritten) from `dOut` and the results of
  /// `forward`. Scores are recomputed tile by tile. The contributions of all heads and sequences
  /// that read a key are summed in a fixed order.
  package static func backward(
    dOut: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, logSumExp: Tensor,
    shape: AttentionShape, dq: Tensor, dk: Tensor, dv: Tensor,
    arithmetic: Arithmetic = .float32
  ) {
    check(shape, queries: [dOut, q, out, dq], keys: [k, v, dk, dv], logSumExp)
    precondition(!dq.isReadOnly && !dk.isReadOnly && !dv.isReadOnly)
    dk.fill(0)
    dv.fill(0)
    let units = shape.units
    // Few long sequences are split further, so that there is work for several threads.
    let shares = max(1, (8 + units.count * shape.kvHeads - 1) / max(1, units.count * shape.kvHeads))
    // Heads are processed in waves, so that the partial gradients take about 128 MB at most.
    let keysPerHead = units.reduce(0) { $0 + $1.prefix + $1.length }
    let perHead = max(1, 2 * keysPerHead * shape.headDim * shares)
    let wave = max(1, min(shape.kvHeads, (1 << 25) / perHead))
    for firstHead in stride(from: 0, to: shape.kvHeads, by: wave) {
      let kvHeads = firstHead..<min(shape.kvHeads, firstHead + wave)
      var parts: [KeyGradient] = []
      for unit in units {
        let tiles = unit.tiles(of: queryTile(shape))
        for kvHead in kvHeads {
          for share in 0..<min(shares, tiles.count) {
            let own = stride(from: share, to: tiles.count, by: shares).map { tiles[$0] }
            parts.append(KeyGradient(unit: unit, kvHead: kvHead, tiles: own, shape))
          }
        }
      }
      let all = parts
      Parallel.forEach(all.count) { i in
        for tile in all[i].tiles {
          backwardTile(tile, all[i], dOut, q, k, v, out, logSumExp, dq, arithmetic)
        }
      }
      Parallel.forEach(kvHeads.count) { i in
        for part in all where part.kvHead == kvHeads.lowerBound + i { part.add(to: dk, dv) }
      }
    }
  }

  /// The partial gradients with respect to one head's keys and values from some tiles of queries:
  /// the prefix's rows first, then the unit's own, [prefix + length, headDim] each.
  private struct KeyGradient: Sendable {
    let unit: AttentionShape.Unit
    let kvHead: Int
    let tiles: [AttentionTile]
    let dk: Tensor
    let dv: Tensor
    private let shape: AttentionShape

    init(
      unit: AttentionShape.Unit, kvHead: Int, tiles: [Range<Int>], _ shape: AttentionShape
    ) {
      self.unit = unit
      self.kvHead = kvHead
      self.shape = shape
      self.tiles = tiles.map {
        AttentionTile(shape: shape, unit: unit, queries: $0, kvHead: kvHead)
      }
      dk = Tensor([unit.prefix + unit.length, shape.headDim])
      dv = Tensor([unit.prefix + unit.length, shape.headDim])
    }

    /// The offset of a block of keys in `dk` and `dv`.
    func place(of block: AttentionShape.Unit.KeyBlock) -> Int {
      (block.position < 0 ? block.row : unit.prefix + block.position) * shape.headDim
    }

    /// Adds the partial gradients to those of all keys and values.
    func add(to allKeys: Tensor, _ allValues: Tensor) {
      let dim = shape.headDim
      for i in 0..<unit.prefix + unit.length {
        let row = i < unit.prefix ? i : unit.firstKey + i - unit.prefix
        let place = (row * shape.kvHeads + kvHead) * dim
        unsafe ctk_add(dk.pointer + i * dim, allKeys.pointer + place, dim)
        unsafe ctk_add(dv.pointer + i * dim, allValues.pointer + place, dim)
      }
    }
  }

  private static func backwardTile(
    _ tile: AttentionTile, _ part: KeyGradient, _ dOut: Tensor, _ q: Tensor, _ k: Tensor,
    _ v: Tensor, _ out: Tensor, _ logSumExp: Tensor, _ dq: Tensor, _ arithmetic: Arithmetic
  ) {
    let rows = tile.rows
    let dim = tile.shape.headDim
    let (queries, gradients) = (tile.gather(q), tile.gather(dOut))
    let weights = Tensor(uninitialized: [rows, keyTile])
    let slopes = Tensor(uninitialized: [rows, keyTile])
    let logSum = Tensor(uninitialized: [rows])
    let delta = Tensor(uninitialized: [rows])
    let outputs = tile.gather(out)
    // Rounded as in the products below. Otherwise a row that sees a single key, whose score has no
    // gradient, would get one from the rounding.
    if arithmetic.available == .bfloat16 {
      gradients.roundToBFloat16(0..<gradients.count)
    }
    for row in 0..<rows {
      unsafe logSum.pointer[row] = logSumExp.pointer[tile.statistic(ofRow: row)]
      // Σ p·dp over a row equals the dot product of its output and the gradient of its output.
      unsafe ctk_dot_rows(
        gradients.pointer + row * dim, outputs.pointer + row * dim, dim, 1, dim,
        delta.pointer + row, 1, 0)
    }
    let queryGradients = Tensor(uninitialized: [rows, dim])
    var first = true
    for block in tile.unit.keyBlocks(for: tile.queries, size: keyTile) {
      tile.scores(queries, k, block, into: weights, arithmetic)
      unsafe tile.forEachHead(block, weights) { view, row in
        unsafe ctk_softmax_again(view, logSum.pointer + row)
      }
      tile.scores(gradients, v, block, into: slopes, arithmetic)
      unsafe tile.forEachHead(block, slopes) { view, row in
        unsafe ctk_softmax_backward(
          view, weights.pointer + row * keyTile, delta.pointer + row)
      }
      for (scores, other, sum) in [(weights, gradients, part.dv), (slopes, queries, part.dk)] {
        unsafe Gemm(
          m: block.count, n: dim, k: rows, a: scores.pointer, lda: keyTile, transposeA: true,
          b: other.pointer, ldb: dim, c: sum.pointer + part.place(of: block), ldc: dim, beta: 1
        ).run(arithmetic)
      }
      unsafe Gemm(
        m: rows, n: dim, k: block.count, a: slopes.pointer, lda: keyTile,
        b: k.pointer + tile.place(ofKey: block.row), ldb: tile.keyWidth,
        c: queryGradients.pointer, ldc: dim, beta: first ? 0 : 1
      ).run(arithmetic)
      first = false
    }
    tile.scatter(queryGradients, to: dq)
  }
}
