import HeapModule

/// The merge loop: repeatedly merges the pair of lowest rank, the leftmost among equals.
extension BytePairModel {
  /// Longest word, in symbols, for which scanning all pairs each time beats keeping a queue.
  private static let scanLimit = 40

  /// Merges the word's symbols until no pair has a merge.
  func merge(_ scratch: inout Scratch) {
    if scratch.symbols.count < 2 { return }
    if scratch.symbols.count <= Self.scanLimit {
      mergeByScanning(&scratch)
    } else {
      mergeByQueue(&scratch.symbols)
    }
  }

  /// `rank << 32 | merged` of a pair; `.max` if it has no merge.
  @inline(__always)
  private func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    merges.find(PairTable.key(left, right)) ?? .max
  }

  /// Merges by scanning all pairs, in quadratic time; for short words and as the queue's reference.
  func mergeByScanning(_ scratch: inout Scratch) {
    var count = scratch.symbols.count
    scratch.pairs.removeAll(keepingCapacity: true)
    for i in 0..<count - 1 {
      scratch.pairs.append(pair(scratch.symbols[i], scratch.symbols[i + 1]))
    }
    while count > 1 {
      var best = UInt64.max
      var at = 0
      for i in 0..<count - 1 where scratch.pairs[i] < best {
        best = scratch.pairs[i]
        at = i
      }
      if best == .max { break }
      scratch.symbols[at] = Int32(truncatingIfNeeded: best & 0xFFFF_FFFF)
      count -= 1
      var i = at + 1
      while i < count {
        scratch.symbols[i] = scratch.symbols[i + 1]
        if i < count { scratch.pairs[i - 1] = scratch.pairs[i] }
        i += 1
      }
      if at > 0 { scratch.pairs[at - 1] = pair(scratch.symbols[at - 1], scratch.symbols[at]) }
      if at < count - 1 { scratch.pairs[at] = pair(scratch.symbols[at], scratch.symbols[at + 1]) }
    }
    scratch.symbols.removeLast(scratch.symbols.count - count)
  }

  /// Merges in O(n log n) time, with a queue of `rank << 32 | position` over a linked list. An
  /// entry whose pair has changed its rank since is stale and skipped.
  func mergeByQueue(_ symbols: inout [Int32]) {
    let count = symbols.count
    precondition(count <= UInt32.max, "a word has at most 2^32 - 1 symbols")
    var next = (0..<count).map { Int32(truncatingIfNeeded: $0 + 1) }
    var previous = (0..<count).map { Int32(truncatingIfNeeded: $0 - 1) }
    var initial: [UInt64] = []
    for i in 0..<count - 1 {
      let found = pair(symbols[i], symbols[i + 1])
      if found != .max { initial.append(found & ~0xFFFF_FFFF | UInt64(i)) }
    }
    var queue = Heap(initial)
    while let entry = queue.popMin() {
      let at = Int(entry & 0xFFFF_FFFF)
      let right = Int(next[at])
      guard symbols[at] >= 0, right < count else { continue }
      let found = pair(symbols[at], symbols[right])
      guard found != .max, found >> 32 == entry >> 32 else { continue }
      symbols[at] = Int32(truncatingIfNeeded: found & 0xFFFF_FFFF)
      symbols[right] = -1
      let after = Int(next[right])
      next[at] = next[right]
      if after < count {
        previous[after] = Int32(truncatingIfNeeded: at)
        let pair = pair(symbols[at], symbols[after])
        if pair != .max { queue.insert(pair & ~0xFFFF_FFFF | UInt64(at)) }
      }
      let before = Int(previous[at])
      if before >= 0 {
        let pair = pair(symbols[before], symbols[at])
        if pair != .max { queue.insert(pair & ~0xFFFF_FFFF | UInt64(before)) }
      }
    }
    symbols.removeAll { $0 < 0 }
  }
}
