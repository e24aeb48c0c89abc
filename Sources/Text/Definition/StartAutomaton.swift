/// A finder of the longest text of a set that starts at each position of a text, in linear time
/// whatever the texts are: the automaton of Aho and Corasick ("Efficient string matching: an aid to
/// bibliographic search", 1975) over the reversed texts, which reads from right to left.
///
/// Before it comes to a position, it has read the bytes from there on, so the longest reversed text
/// that ends there is the longest text that starts there.
struct StartAutomaton: Sendable {
  private let trie: ByteTrie
  /// For each node, the node of its longest proper suffix that is in the trie.
  private var fallbacks: [Int32]
  /// For each node, the position of the longest text that is a suffix of it, or -1.
  private var longest: [Int32]
  /// The length of the longest text in bytes.
  private let reach: Int

  init(_ texts: [[UInt8]]) {
    trie = ByteTrie(texts.map { $0.reversed() })
    reach = texts.map(\.count).max() ?? 0
    fallbacks = [Int32](repeating: 0, count: trie.count)
    longest = trie.ends
    // Breadth first: a node's fallback is nearer to the root than the node.
    for node in 0..<trie.count {
      for child in trie.children(of: node) where node > 0 {
        fallbacks[child] = Int32(next(Int(fallbacks[node]), trie.label(of: child)))
      }
      if longest[node] < 0, node > 0 { longest[node] = longest[Int(fallbacks[node])] }
    }
  }

  /// The node after reading `byte` at `node`.
  @inline(__always)
  private func next(_ node: Int, _ byte: UInt8) -> Int {
    var node = node
    while true {
      if let child = trie.child(of: node, byte) { return child }
      if node == 0 { return 0 }
      node = Int(fallbacks[node])
    }
  }

  /// For each position of `block`, the position in the set of the longest text that starts there and
  /// ends at or before `limit`, or -1.
  func starts(_ text: [UInt8], _ block: Range<Int>, limit: Int) -> [Int32] {
    var starts = [Int32](repeating: -1, count: block.count)
    var node = 0
    var index = min(limit, block.upperBound + max(0, reach - 1))
    while index > block.lowerBound {
      index -= 1
      node = next(node, text[index])
      if index < block.upperBound { starts[index - block.lowerBound] = longest[node] }
    }
    return starts
  }
}
