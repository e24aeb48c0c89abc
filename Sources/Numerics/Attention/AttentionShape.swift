/// Who attends to whom. Rows 0 ..< prefix are shared by all sequences; row prefix + b·length + t is
/// token t of sequence b. Keys and values have all rows, [rows, kvHeads·headDim]. Queries and
/// outputs, [·, heads·headDim], have the same rows, or without the prefix's where
/// `queriesFromPrefix` is false (a cached prefix; decoding is sequences = 1 and length = 1).
///
/// Prefix rows attend to the prefix up to themselves. Sequence rows attend to the whole prefix and
/// to their own sequence up to themselves. Query head h reads key/value head h / (heads/kvHeads).
package struct AttentionShape: Sendable, Equatable {
  package var heads: Int
  package var kvHeads: Int
  package var headDim: Int
  package var prefix: Int
  package var sequences: Int
  package var length: Int
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

  package var keyRows: Int { prefix + sequences * length }
  package var queryRows: Int { queriesFromPrefix ? keyRows : sequences * length }
  /// 1/√headDim
  package var scale: Float { 1 / Float(headDim).squareRoot() }
  var group: Int { heads / kvHeads }
}

extension AttentionShape {
  /// A run of rows that attend among themselves: the prefix or one sequence.
  struct Unit {
    /// The first row among the keys, and among the queries.
    let firstKey: Int
    let firstQuery: Int
    let length: Int
    /// How many prefix rows the unit's rows see beside their own.
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
  /// A run of keys that a tile of queries meets.
  struct KeyBlock {
    /// The first row among the keys, and the number of keys.
    let row: Int
    let count: Int
    /// The first key's number within the unit; negative for prefix keys, which all queries see.
    let position: Int

    /// How many of these keys the query at `position` of the unit sees, before clamping to 0...count;
    /// every later query sees one more.
    func edge(of query: Int) -> Int { position < 0 ? count : query + 1 - position }
  }

  /// The keys that queries `tile` see, in blocks of at most `size`; none is wholly masked.
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

  func tiles(of size: Int) -> [Range<Int>] {
    stride(from: 0, to: length, by: size).map { $0..<min(length, $0 + size) }
  }
}
