import CKernels

/// The lowest of many numbers.
public enum LowestCosts {
  /// 1 for the `count` lowest of `costs` (none negative or NaN; of equal ones the first), else 0.
  public static func marks(_ costs: [Float], count: Int) -> [UInt8] {
    precondition(count >= 0 && count <= costs.count, "\(count) of \(costs.count)")
    if costs.count <= 64 { return marksOfFew(costs, count: count) }
    return unsafe [UInt8](unsafeUninitializedCapacity: costs.count) { marks, initialized in
      unsafe ctk_drop_lowest(costs, Int64(costs.count), Int64(count), marks.baseAddress)
      initialized = costs.count
    }
  }

  /// By rank; the counting of the kernel pays for many only.
  private static func marksOfFew(_ costs: [Float], count: Int) -> [UInt8] {
    costs.indices.map { a in
      var rank = 0
      for b in costs.indices where costs[b] < costs[a] || (costs[b] == costs[a] && b < a) {
        rank += 1
      }
      return rank < count ? 1 : 0
    }
  }
}
