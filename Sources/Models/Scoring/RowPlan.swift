import Bytes
import Checkpoints
import Numerics

/// The rows of a forward pass and the position of each: a shared prefix once, then B sequences of T
/// tokens.
///
/// A prompt's rows are the same for every sequence of a batch, because no later row affects them,
/// so they are computed once, not B times.
package struct RowPlan: Sendable {
  package let shape: AttentionShape
  /// The position of each row of the residual stream, from 0 at the start of the prefix.
  package let positions: [Int32]
  /// Table of rotary embeddings; nil if positions aren't rotary.
  package let rotary: RotaryTable?

  /// Rows of the residual stream, queries and outputs.
  package var rows: Int { positions.count }
  /// Rows of keys and values, those of a cached prefix included.
  package var keyRows: Int { shape.prefix + shape.sequences * shape.length }
  /// Key rows that this pass computes; earlier ones are in a cache.
  package var newKeyRows: Range<Int> { (keyRows - rows)..<keyRows }
  /// Rows of the residual stream that belong to the sequences.
  package var sequenceRows: Range<Int> { (rows - shape.sequences * shape.length)..<rows }

  /// - Parameters:
  ///   - cachedPrefix: whether the prefix's keys and values are in a cache, so that its rows aren't
  ///     computed.
  ///   - rotary: a table of at least `prefix + length` positions; made here if nil and needed.
  /// - Throws: `usage` if the positions exceed a sliding attention window (this attention is exact
  ///   only while no position leaves the window) or the table of learned positions.
  package init(
    _ configuration: ModelConfiguration, prefix: Int = 0, sequences: Int, length: Int,
    cachedPrefix: Bool = false, rotary: RotaryTable? = nil
  ) throws(Failure) {
    try configuration.checkPositions(prefix + length)
    shape = AttentionShape(
      heads: configuration.heads, kvHeads: configuration.kvHeads, headDim: configuration.headDim,
      prefix: prefix, sequences: sequences, length: length, queriesFromPrefix: !cachedPrefix)
    var positions = cachedPrefix ? [] : (0..<prefix).map(Int32.init)
    for _ in 0..<sequences { positions += (prefix..<prefix + length).map(Int32.init) }
    self.positions = positions
    self.rotary = rotary ?? configuration.rotaryTable(positions: prefix + length)
  }
}

extension RowPlan {
  /// The place of row `row` of the residual stream, for messages: its position, and the sequence if
  /// there are several.
  func place(of row: Int) -> String {
    let position = "position \(positions[row])"
    let inSequences = row - sequenceRows.lowerBound
    guard shape.sequences > 1, inSequences >= 0 else { return position }
    return "sequence \(inSequences / shape.length), \(position)"
  }

  /// A plan for memory estimates: it has the rows but no rotary table, and doesn't check positions.
  init(rowsOf c: ModelConfiguration, prefix: Int, sequences: Int, length: Int) {
    shape = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: prefix,
      sequences: sequences, length: length, queriesFromPrefix: true)
    positions = Array(repeating: 0, count: prefix + sequences * length)
    rotary = nil
  }
}

extension ModelConfiguration {
  /// Table of rotary embeddings for `positions` positions; nil if the model's aren't rotary.
  func rotaryTable(positions: Int) -> RotaryTable? {
    guard design.positions == .rotary else { return nil }
    return RotaryTable(
      headDim: headDim, positions: positions, inverseFrequencies: inverseFrequencies(),
      attentionFactor: 1)
  }

  /// Maximum number of positions: the sliding window's, dynamic rope scaling's or the learned table's;
  /// nil if more are merely less accurate.
  package var positionLimit: Int? { positionBound?.limit }

  /// Checks that the model has `count` positions.
  /// - Throws: `usage` if `count` exceeds `positionLimit`.
  package func checkPositions(_ count: Int) throws(Failure) {
    guard let (limit, reason) = positionBound, count > limit else { return }
    throw Failure(
      .usage, "\(count) positions are needed, but \(reason)",
      advice: "use at most \(limit) positions, the prompt included")
  }

  /// The maximum number of positions with a clause that says where it comes from.
  private var positionBound: (limit: Int, reason: String)? {
    guard design.positions == .rotary else {
      return (maximumPositions, "the model has learned \(maximumPositions)")
    }
    let window = slidingWindow.map { ($0, "the model attends to a sliding window of \($0)") }
    guard case .dynamic = ropeScaling, maximumPositions < window?.0 ?? .max else { return window }
    return (
      maximumPositions,
      "the model's dynamic rope scaling changes with the text's length beyond \(maximumPositions)"
    )
  }
}
