/// An n:m sparsity pattern: `kept` of every `of` neighbouring columns of a row, such as 2:4.
///
/// A short last group of w columns keeps min(kept, w).
public struct NMPattern: Sendable, Hashable {
  /// Kept columns per group, n.
  public let kept: Int
  /// Columns per group, m.
  public let of: Int

  /// nil unless 1 ≤ kept < of ≤ 32.
  public init?(kept: Int, of: Int) {
    guard kept >= 1, of > kept, of <= 32 else { return nil }
    self.kept = kept
    self.of = of
  }

  /// Groups in a row, a short last one included.
  public func groups(columns: Int) -> Int { (columns + of - 1) / of }

  /// Surviving weights of a row.
  public func survivors(columns: Int) -> Int { columns / of * kept + min(kept, columns % of) }

  /// Bits of one group's rank in the survivor index: ceil(log2 C(of, kept)).
  public var rankBits: Int {
    Int.bitWidth - (Self.combinations(of, kept) - 1).leadingZeroBitCount
  }

  /// C(n, k), n ≤ 32.
  public static func combinations(_ n: Int, _ k: Int) -> Int {
    k > n ? 0 : (0..<k).reduce(1) { $0 * (n - $1) / ($1 + 1) }
  }
}
