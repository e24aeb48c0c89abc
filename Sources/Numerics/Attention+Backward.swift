import CKernels

extension Attention {
  /// The gradients to q, k and v (overwritten), from `dOut` and what `forward` returned. Scores are
  /// computed again tile by tile. Where several heads or sequences read one key, their parts are
  /// added up in a fixed order.
  public static func backward(
    dOut: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, logSumExp: Tensor,
    shape: AttentionShape, dq: Tensor, dk: Tensor, dv: Tensor
  ) {
    check(shape, queries: [dOut, q, out, dq], keys: [k, v, dk, dv], logSumExp)
    precondition(!dq.isReadOnly && !dk.isReadOnly && !dv.isReadOnly)
    dk.fill(0)
    dv.fill(0)
    let units = shape.units
    // A wave of kv heads at a time, so that the parts waiting to be added stay within bounds.
    let keysPerHead = units.reduce(0) { $0 + $1.prefix + $1.length }
    let perHead = max(1, 2 * keysPerHead * shape.headDim * shape.group)
    let wave = max(1, min(shape.kvHeads, (1 << 24) / perHead))
    for firstHead in stride(from: 0, to: shape.kvHeads, by: wave) {
      let kvHeads = firstHead..<min(shape.kvHeads, firstHead + wave)
      let heads = kvHeads.lowerBound * shape.group..<kvHeads.upperBound * shape.group
      let parts = heads.flatMap { head in units.map { KeyGradient(unit: $0, head: head, shape) } }
      Parallel.forEach(parts.count) { i in
        backwardUnit(parts[i], dOut, q, k, v, out, logSumExp, shape, dq)
      }
      Parallel.forEach(kvHeads.count) { i in
        let kvHead = kvHeads.lowerBound + i
        for part in parts where part.head / shape.group == kvHead {
          part.add(to: dk, dv, kvHead: kvHead, shape)
        }
      }
    }
  }

  /// One head's share of the gradients to the keys and values that one unit sees: the prefix's
  /// rows first, then the unit's own.
  private struct KeyGradient: Sendable {
    let unit: AttentionShape.Unit
    let head: Int
    let dk: Tensor
    let dv: Tensor

    init(unit: AttentionShape.Unit, head: Int, _ shape: AttentionShape) {
      self.unit = unit
      self.head = head
      dk = Tensor([unit.prefix + unit.length, shape.headDim])
      dv = Tensor([unit.prefix + unit.length, shape.headDim])
    }

    /// Where a block of keys starts in `dk` and `dv`.
    func place(of block: AttentionShape.Unit.KeyBlock) -> Int {
      block.position < 0 ? block.row : unit.prefix + block.position
    }

    func add(to allKeys: Tensor, _ allValues: Tensor, kvHead: Int, _ shape: AttentionShape) {
      let dim = shape.headDim
      let width = shape.kvHeads * dim
      for i in 0..<unit.prefix + unit.length {
        let row = i < unit.prefix ? i : unit.firstKey + i - unit.prefix
        let place = row * width + kvHead * dim
        unsafe ctk_add(dk.pointer + i * dim, allKeys.pointer + place, dim)
        unsafe ctk_add(dv.pointer + i * dim, allValues.pointer + place, dim)
      }
    }
  }

  private static func backwardUnit(
    _ part: KeyGradient, _ dOut: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ out: Tensor,
    _ logSumExp: Tensor, _ shape: AttentionShape, _ dq: Tensor
  ) {
    let dim = shape.headDim
    let width = shape.heads * dim
    let keyWidth = shape.kvHeads * dim
    let keyColumn = part.head / shape.group * dim
    let weights = Tensor(uninitialized: [queryTile, keyTile])
    let gradients = Tensor(uninitialized: [queryTile, keyTile])
    var delta = [Float](repeating: 0, count: queryTile)
    for tile in part.unit.tiles(of: queryTile) {
      let rows = tile.count
      let query = part.unit.firstQuery + tile.lowerBound
      let place = query * width + part.head * dim
      for i in 0..<rows {
        unsafe ctk_dot_rows(
          dOut.pointer + place + i * width, out.pointer + place + i * width, dim, 1, dim,
          &delta[i], 1, 0)
      }
      var first = true
      for block in part.unit.keyBlocks(for: tile, size: keyTile) {
        let keys = block.row * keyWidth + keyColumn
        let own = part.place(of: block) * dim
        unsafe Gemm(
          m: rows, n: block.count, k: dim, a: q.pointer + place, lda: width, b: k.pointer + keys,
          ldb: keyWidth, transposeB: true, c: weights.pointer, ldc: keyTile
        ).run()
        unsafe Gemm(
          m: rows, n: block.count, k: dim, a: dOut.pointer + place, lda: width,
          b: v.pointer + keys, ldb: keyWidth, transposeB: true, c: gradients.pointer, ldc: keyTile
        ).run()
        for i in 0..<rows {
          let visible = block.visible(to: tile.lowerBound + i)
          let hidden = block.count - visible
          let row = i * keyTile
          let logSum = unsafe logSumExp.pointer[(query + i) * shape.heads + part.head]
          unsafe ctk_softmax_again(weights.pointer + row, visible, shape.scale, logSum)
          unsafe ctk_softmax_backward(
            weights.pointer + row, gradients.pointer + row, visible, shape.scale, delta[i])
          unsafe (weights.pointer + row + visible).update(repeating: 0, count: hidden)
          unsafe (gradients.pointer + row + visible).update(repeating: 0, count: hidden)
        }
        unsafe Gemm(
          m: block.count, n: dim, k: rows, a: weights.pointer, lda: keyTile, transposeA: true,
          b: dOut.pointer + place, ldb: width, c: part.dv.pointer + own, ldc: dim, beta: 1
        ).run()
        unsafe Gemm(
          m: block.count, n: dim, k: rows, a: gradients.pointer, lda: keyTile, transposeA: true,
          b: q.pointer + place, ldb: width, c: part.dk.pointer + own, ldc: dim, beta: 1
        ).run()
        unsafe Gemm(
          m: rows, n: dim, k: block.count, a: gradients.pointer, lda: keyTile, b: k.pointer + keys,
          ldb: keyWidth, c: dq.pointer + place, ldc: width, beta: first ? 0 : 1
        ).run()
        first = false
      }
    }
  }
}
