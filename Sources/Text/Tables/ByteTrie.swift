/// A trie of byte strings with 9 bytes per node, its nodes in breadth-first order, so that the
/// children of a node follow each other. Node 0 is the root.
struct ByteTrie: Sendable {
  /// The first child of each node; those of node i are `firsts[i]..<firsts[i + 1]`.
  private var firsts: [Int32] = []
  /// The byte that leads to each node; a node's children ascend by it.
  private var labels: [UInt8] = [0]
  /// The position of the text that ends at each node, or -1.
  private(set) var ends: [Int32] = []

  var count: Int { ends.count }

  /// The trie of `texts` without the empty ones; of equal texts, the first counts.
  init(_ texts: [[UInt8]]) {
    // Stable, so that the first of equal texts comes first.
    let order = texts.indices.filter { !texts[$0].isEmpty }.sorted {
      texts[$0].lexicographicallyPrecedes(texts[$1])
    }
    // The texts below each node of one level, as ranges of the sorted list.
    var level = [0..<order.count]
    var depth = 0
    while !level.isEmpty {
      var next: [Range<Int>] = []
      for below in level {
        firsts.append(Int32(labels.count))
        var at = below.lowerBound
        let hasOwn = at < below.upperBound && texts[order[at]].count == depth
        ends.append(hasOwn ? Int32(order[at]) : -1)
        while at < below.upperBound, texts[order[at]].count == depth { at += 1 }
        while at < below.upperBound {
          let byte = texts[order[at]][depth]
          let start = at
          repeat { at += 1 } while at < below.upperBound && texts[order[at]][depth] == byte
          labels.append(byte)
          next.append(start..<at)
        }
      }
      level = next
      depth += 1
    }
    firsts.append(Int32(labels.count))
  }

  /// The nodes below `node`.
  func children(of node: Int) -> Range<Int> { Int(firsts[node])..<Int(firsts[node + 1]) }

  /// The byte that leads to `node`.
  func label(of node: Int) -> UInt8 { labels[node] }

  /// The child of `node` that `byte` leads to; nil if there is none.
  @inline(__always)
  func child(of node: Int, _ byte: UInt8) -> Int? {
    var (low, high) = (Int(firsts[node]), Int(firsts[node + 1]))
    while low < high {
      let middle = (low + high) / 2
      if labels[middle] < byte { low = middle + 1 } else { high = middle }
    }
    return low < Int(firsts[node + 1]) && labels[low] == byte ? low : nil
  }
}
