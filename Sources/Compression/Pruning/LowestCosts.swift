import CKernels

/// Selection of the lowest of many costs, for pruning masks.
enum LowestCosts {
  /// 1 for the `count` lowest of `costs` (none negative or NaN), 0 for the others.
  ///
  /// - Parameter ties: the rank of an index among equal costs: lower ranks are marked first, and
  ///   equal ranks in order; nil marks equal costs in order.
  static func marks(
    _ costs: [Float], count: Int, ties: ((Int) -> Float)? = nil
  ) -> [UInt8] {
    precondition(count >= 0 && count <= costs.count, "\(count) of \(costs.count)")
    if costs.count <= 64 { return marksOfFew(costs, count: count, ties: ties) }
    var marks = unsafe [UInt8](unsafeUninitializedCapacity: costs.count) { marks, initialized in
      unsafe ctk_drop_lowest(costs, Int64(costs.count), Int64(count), marks.baseAddress)
      initialized = costs.count
    }
    if let ties { settle(&marks, costs, by: ties) }
    return marks
  }

  /// Reorders by `ties` the costs equal to the highest marked one, the only equal costs of which
  /// some are marked and others not.
  private static func settle(
    _ marks: inout [UInt8], _ costs: [Float], by ties: (Int) -> Float
  ) {
    var highest: Float = -1
    for i in costs.indices where marks[i] != 0 { highest = max(highest, costs[i]) }
    let equal = costs.indices.filter { costs[$0] == highest }
    let marked = equal.count { marks[$0] != 0 }
    guard marked > 0, marked < equal.count else { return }
    let ranked = equal.map { (index: $0, tie: ties($0)) }.sorted {
      ($0.tie, $0.index) < ($1.tie, $1.index)
    }
    for (rank, one) in ranked.enumerated() { marks[one.index] = rank < marked ? 1 : 0 }
  }

  /// Marks by counting the lower costs of each cost; the kernel's histograms pay off only for many
  /// costs.
  private static func marksOfFew(
    _ costs: [Float], count: Int, ties: ((Int) -> Float)?
  ) -> [UInt8] {
    func goesFirst(_ b: Int, before a: Int) -> Bool {
      guard costs[b] == costs[a] else { return costs[b] < costs[a] }
      guard let ties else { return b < a }
      return (ties(b), b) < (ties(a), a)
    }
    return costs.indices.map { a in
      let rank = costs.indices.count { $0 != a && goesFirst($0, before: a) }
      return rank < count ? 1 : 0
    }
  }
}
