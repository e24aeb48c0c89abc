import Bytes
import CKernels

extension Attention {
  /// Returns each prefix's share of an input's attention, if its queries see the keys of all
  /// prefixes and, causally, the input's own keys in one softmax. No values are read.
  ///
  /// - Parameters:
  ///   - q: Queries of the input's first Q ≥ 1 tokens, [Q, heads·headDim].
  ///   - keys: Keys of these tokens, [Q, kvHeads·headDim].
  ///   - prefixKeys: Keys of all prefixes, concatenated, [Σn, kvHeads·headDim].
  ///   - lengths: The number of keys n ≥ 1 of each prefix; at least one prefix.
  /// - Returns: The share of each prefix, averaged over heads and queries, 0 … 1. Their sum is at
  ///   most 1.
  package static func prefixShares(
    q: Tensor, keys: Tensor, prefixKeys: Tensor, lengths: [Int], heads: Int, kvHeads: Int,
    headDim: Int
  ) -> [Double] {
    precondition(!lengths.isEmpty && lengths.allSatisfy { $0 > 0 } && q.rows > 0, "\(lengths)")
    precondition(prefixKeys.rows == lengths.reduce(0, +), "\(prefixKeys.shape) of \(lengths)")
    let shape = AttentionShape(
      heads: heads, kvHeads: kvHeads, headDim: headDim, prefix: prefixKeys.rows, sequences: 1,
      length: q.rows, queriesFromPrefix: false)
    precondition(q.columns == heads * headDim && keys.rows == q.rows, "\(q.shape), \(keys.shape)")
    precondition(keys.columns == kvHeads * headDim && prefixKeys.columns == keys.columns)
    var tiles: [AttentionTile] = []
    for unit in shape.units {
      for queries in unit.tiles(of: queryTile(shape)) {
        for kvHead in 0..<kvHeads {
          tiles.append(AttentionTile(shape: shape, unit: unit, queries: queries, kvHead: kvHead))
        }
      }
    }
    // Tiles with the most work come first, so that threads finish together.
    tiles.sort { ($0.work, $1.kvHead) > ($1.work, $0.kvHead) }
    let ordered = tiles
    let prefixes = lengths.count
    let sums = Tensor([ordered.count, prefixes])
    Parallel.forEach(ordered.count) { i in
      let shares = shares(of: ordered[i], q, keys, prefixKeys, lengths)
      for prefix in 0..<prefixes {
        unsafe sums.pointer[i * prefixes + prefix] = Float(shares[prefix])
      }
    }
    return (0..<prefixes).map { prefix in
      ordered.indices.reduce(0.0) { $0 + Double(sums[$1, prefix]) } / Double(heads * q.rows)
    }
  }

  /// Returns the attention shares of all prefixes, and as the last element that of the input
  /// itself, summed over the tile's rows.
  private static func shares(
    of tile: AttentionTile, _ q: Tensor, _ keys: Tensor, _ prefixKeys: Tensor, _ lengths: [Int]
  ) -> [Double] {
    let rows = tile.rows
    let prefixes = lengths.count
    let queries = tile.gather(q)
    let scores = Tensor(uninitialized: [rows, keyTile])
    // [parts, rows] each: the prefixes, then the input's own keys.
    let highest = Tensor(uninitialized: [prefixes + 1, rows])
    highest.fill(-.infinity)
    let sum = Tensor([prefixes + 1, rows])
    let correction = Tensor(uninitialized: [rows])
    for block in tile.unit.keyBlocks(for: tile.queries, size: keyTile) {
      if block.position < 0 {
        tile.scores(queries, prefixKeys, block, into: scores)
        var first = 0
        for (prefix, length) in lengths.enumerated() {
          let start = max(first, block.row)
          let end = min(first + length, block.row + block.count)
          first += length
          guard start < end else { continue }
          var view = unsafe ctk_scores(
            scores: scores.pointer + start - block.row, stride: keyTile, rows: rows,
            n: end - start, edge: end - start, scale: tile.shape.scale)
          unsafe ctk_online_softmax(
            &view, highest.pointer + prefix * rows, sum.pointer + prefix * rows,
            correction.pointer, 0)
        }
      } else {
        let own = AttentionShape.Unit.KeyBlock(
          row: block.position, count: block.count, position: block.position)
        tile.scores(queries, keys, own, into: scores)
        let first = prefixes * rows
        unsafe tile.forEachHead(own, scores) { view, row in
          unsafe ctk_online_softmax(
            view, highest.pointer + first + row, sum.pointer + first + row,
            correction.pointer + row, 0)
        }
      }
    }
    var parts = unsafe ctk_attention_parts(
      highest: highest.pointer, sum: sum.pointer, parts: prefixes + 1, rows: rows)
    var shares = [Double](repeating: 0, count: prefixes + 1)
    unsafe ctk_attention_shares(&parts, &shares)
    return shares
  }
}
