/// The heads and the causal mask of an attention over a shared prefix and several sequences. Rows
/// 0 ..< prefix are shared by all sequences; row prefix + b·length + t is token t of sequence b.
///
/// Keys and values have all rows, [rows, kvHeads·headDim]. Queries and outputs, [·, heads·headDim],
/// have the same rows, or all but the prefix's if `queriesFromPrefix` is false (a cached prefix;
/// decoding is sequences = 1 and length = 1).
///
/// Prefix rows attend to the prefix up to themselves. Sequence rows attend to the whole prefix and
/// to their own sequence up to themselves. Query head h reads key/value head h / (heads/kvHeads).
package struct AttentionShape: Sendable, Equatable {
  package var heads: Int
  package var kvHeads: Int
  package var headDim: Int
  /// Rows of the shared prefix.
  package var prefix: Int
  package var sequences: Int
  /// Tokens per sequence.
  package var length: Int
  /// Whether the prefix's rows have queries.
  package var queriesFromPrefix: Bool

  package init(
    heads: Int, kvHeads: Int, headDim: Int, prefix: Int, sequences: Int, length: Int,
    queriesFromPrefix: Bool = true
  ) {
    precondition(heads > 0 && kvHeads > 0 && headDim > 0 && heads % kvHeads == 0)
    precondition(prefix >= 0 && sequences >= 0 && length >= 0)
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.prefix = prefix
    self.sequences = sequences
    self.length = length
    self.queriesFromPrefix = queriesFromPrefix
  }

  /// Rows of keys and values.
  package var keyRows: Int { prefix + sequences * length }
  /// Rows of queries and outputs.
  package var queryRows: Int { queriesFromPrefix ? keyRows : sequences * length }
  /// The factor of the scores, 1/√headDim.
  package var scale: Float { 1 / Float(headDim).squareRoot() }
  /// Query heads per key/value head.
  var group: Int { heads / kvHeads }
}

extension AttentionShape {
  /// A run of rows that attend among themselves: the prefix or one sequence.
  struct Unit {
    /// The unit's first row among the keys.
    let firstKey: Int
    /// The unit's first row among the queries.
    let firstQuery: Int
    let length: Int
    /// The number of prefix rows that the unit's rows see besides their own.
    let prefix: Int
  }

  /// The units whose rows have queries, the prefix first.
  var units: [Unit] {
    var result: [Unit] = []
    if queriesFromPrefix && prefix > 0 {
      result.append(Unit(firstKey: 0, firstQuery: 0, length: prefix, prefix: 0))
    }
    for b in 0..<sequences where length > 0 {
      let first = prefix + b * length
      result.append(
        Unit(
          firstKey: first, firstQuery: queriesFromPrefix ? first : b * length, length: length,
          prefix: prefix))
    }
    return result
  }
}

extension AttentionShape.Unit {
  /// A run of keys that is multiplied by a tile of queries.
  struct KeyBlock {
    /// The block's first row among the keys.
    let row: Int
    /// The number of keys.
    let count: Int
    /// The first key's index in the unit; negative for prefix keys, which all queries see.
    let position: Int

    /// Returns the number of these keys that the unit's query `query` sees, before clamping to
    /// 0...count. Each later query sees one more.
    func edge(of query: Int) -> Int { position < 0 ? count : query + 1 - position }
  }

  /// Returns the keys that the queries `tile` see, in blocks of at most `size` keys; no block is
  /// fully masked.
  func keyBlocks(for tile: Range<Int>, size: Int) -> [KeyBlock] {
    var blocks: [KeyBlock] = []
    for start in stride(from: 0, to: prefix, by: size) {
      blocks.append(KeyBlock(row: start, count: min(size, prefix - start), position: -1))
    }
    for start in stride(from: 0, to: tile.upperBound, by: size) {
      let count = min(size, tile.upperBound - start)
      blocks.append(KeyBlock(row: firstKey + start, count: count, position: start))
    }
    return blocks
  }

  /// Returns the unit's queries in tiles of at most `size` queries.
  func tiles(of size: Int) -> [Range<Int>] {
    stride(from: 0, to: length, by: size).map { $0..<min(length, $0 + size) }
  }
}
