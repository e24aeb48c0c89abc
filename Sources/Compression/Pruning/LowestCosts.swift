import CKernels

/// The lowest of many costs, for masks.
enum LowestCosts {
  /// 1 for the `count` lowest of `costs` (none negative or NaN), 0 for the others.
  ///
  /// - Parameter ties: a cost's rank among equal ones, by its index: the lowest is marked first, and of
  ///   equal ranks the first; nil marks the first of equal costs.
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

  /// Chooses anew among the costs equal to the highest that is marked: only there can one of two equal
  /// costs be marked and the other not.
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

  /// Marks by counting the lower costs of each; the kernel's histograms pay for many costs only.
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
