/// An n:m sparsity pattern: `kept` of every `of` neighbouring columns of a row, such as 2:4.
///
/// A short last group of w columns keeps min(kept, w).
public struct NMPattern: Sendable, Hashable {
  /// The number of kept columns per group, n.
  public let kept: Int
  /// The number of columns per group, m.
  public let of: Int

  /// Makes the pattern `kept`:`of`; nil unless 1 ≤ kept < of ≤ 32.
  public init?(kept: Int, of: Int) {
    guard kept >= 1, of > kept, of <= 32 else { return nil }
    self.kept = kept
    self.of = of
  }

  /// Returns the number of groups in a row, including a short last one.
  public func groups(columns: Int) -> Int { (columns + of - 1) / of }

  /// Returns the number of kept weights in a row.
  public func survivors(columns: Int) -> Int { columns / of * kept + min(kept, columns % of) }

  /// The number of bits of one group's rank in the index of kept weights: ceil(log2 C(of, kept)).
  public var rankBits: Int {
    Int.bitWidth - (Self.combinations(of, kept) - 1).leadingZeroBitCount
  }

  /// Returns the binomial coefficient C(n, k), n ≤ 32.
  public static func combinations(_ n: Int, _ k: Int) -> Int {
    k > n ? 0 : (0..<k).reduce(1) { $0 * (n - $1) / ($1 + 1) }
  }
}
