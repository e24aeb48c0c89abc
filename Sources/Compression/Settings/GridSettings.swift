import Bytes

/// The number of neighbouring columns that share a scale and a zero point.
package enum GroupWidth: Sendable, Hashable {
  /// A number of columns; the last group of a row may be shorter.
  case columns(Int)
  /// The whole row.
  case row
}

/// The method that chooses the range of a group's grid.
///
/// SmolLM2-135M-Instruct in groups of 64, C4 perplexity over 24 windows of 1024 (uncompressed
/// 38.0): at 4 bits 44.6 with `full` and 41.5 with `weighted`, at 3 bits 68.3 and 56.2.
package enum RangeSearch: String, Sendable, Hashable, CaseIterable {
  /// From the smallest to the largest weight, 0 included.
  case full = "min-max"
  /// The best of 80 shrunken ranges by Σ|error|^2.4 (GPTQ's released code calls it `mse`).
  case clipped = "clip"
  /// The best of 80 shrunken ranges by Σ H_cc·error², which spends precision on columns with large
  /// inputs.
  case weighted = "clip-weighted"

  /// The range search that measured best. Round-to-nearest at 2 bits with the full range destroys
  /// the model (C4 perplexity 625,000; 11,000 when clipped). At 3 bits clipping is as good on C4
  /// and worse on WikiText-2 (90.9 instead of 79.1); at 4 bits it is worse on every text (50.7
  /// instead of 48.7 on C4).
  package static func measuredBest(for method: CompressionMethod, bits: Int) -> RangeSearch {
    if method.needsStatistics { return .weighted }
    return bits == 2 ? .clipped : .full
  }
}

/// The grid that a weight matrix is quantized to: w = (code − zero) · scale, per row and group.
package struct GridSettings: Sendable, Hashable {
  /// Bits per code: 2, 3, 4 or 8.
  package var bits: Int
  package var group: GroupWidth
  /// Whether zero points are fixed at 2^(bits−1) instead of stored per group.
  package var symmetric: Bool
  package var rangeSearch: RangeSearch

  package init(
    bits: Int = 4, group: GroupWidth = .columns(64), symmetric: Bool = false,
    rangeSearch: RangeSearch = .full
  ) {
    self.bits = bits
    self.group = group
    self.symmetric = symmetric
    self.rangeSearch = rangeSearch
  }

  /// Code widths that the container can pack, in bits.
  package static let packableBits = [2, 3, 4, 8]

  /// The number of ranges tried in a search: 1, 0.99, … 0.21 of the full range.
  package static let searchSteps = 80

  /// The group width in columns for rows of `columns`; at least 1, at most `columns`.
  package func groupWidth(columns: Int) -> Int {
    switch group {
    case .columns(let width): width
    case .row: columns
    }
  }
}
