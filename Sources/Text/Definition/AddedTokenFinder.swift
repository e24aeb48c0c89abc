import Bytes

/// A finder of added tokens in a text: the leftmost match first, the longest at each position.
///
/// At each position a trie is followed as far as the text agrees. Where this takes much longer than
/// the text is, because long tokens begin alike, the matches of a whole block come from an automaton,
/// so that any text takes linear time.
struct AddedTokenFinder: Sendable {
  private let tokens: [AddedToken]
  private let lengths: [Int]
  private let trie: ByteTrie
  private let automaton: StartAutomaton?
  /// Whether a token begins with each byte.
  private var firstBytes = [Bool](repeating: false, count: 256)

  /// The most bytes of a token for which following the trie at every position is fast enough.
  private static let shortToken = 32
  /// Bytes that the trie may be followed per byte of the text.
  private static let slack = 8
  /// Bytes of text for which the automaton finds matches at once.
  private static let blockSize = 1 << 14

  /// An occurrence of a token.
  struct Match: Equatable {
    let token: Int32
    /// The bytes that it replaces, including the whitespace that it strips.
    let range: Range<Int>
  }

  /// - Parameter spellings: The text to match for each token; an empty one never matches.
  init(_ tokens: [AddedToken], spellings: [[UInt8]]) {
    self.tokens = tokens
    lengths = spellings.map(\.count)
    trie = ByteTrie(spellings)
    let longest = lengths.max() ?? 0
    automaton = longest > Self.shortToken ? StartAutomaton(spellings) : nil
    for spelling in spellings { if let first = spelling.first { firstBytes[Int(first)] = true } }
  }

  var isEmpty: Bool { trie.count == 1 }

  /// The matches in `text[range]` in order, including the whitespace that they strip.
  func matches(_ text: [UInt8], _ range: Range<Int>) -> [Match] {
    if isEmpty { return [] }
    var matches: [Match] = []
    var search = Search(range)
    var index = range.lowerBound
    var taken = range.lowerBound
    while index < range.upperBound {
      guard firstBytes[Int(text[index])], let (token, found) = longest(text, index, &search) else {
        index += 1
        continue
      }
      index = found.upperBound
      if token.isSingleWord, !isAlone(text, found, range) { continue }
      var start = found.lowerBound
      var end = found.upperBound
      if token.stripsLeft {
        while start > taken {
          let (scalar, length) = UTF8Text.scalar(text, before: start)
          guard UnicodeClasses.isWhitespace(scalar), start - length >= taken else { break }
          start -= length
        }
      }
      if token.stripsRight { end = search.spaceEnd(text, end) }
      matches.append(Match(token: token.id, range: start..<end))
      taken = end
    }
    return matches
  }

  /// The progress of one search.
  private struct Search {
    let range: Range<Int>
    /// Bytes that the trie was followed.
    var followed = 0
    /// Positions whose matches are known.
    var block: Range<Int>
    /// The tokens at these positions, -1 for none.
    var starts: [Int32] = []
    /// A run of whitespace that ends where other text begins.
    private var space: Range<Int>

    init(_ range: Range<Int>) {
      self.range = range
      block = range.lowerBound..<range.lowerBound
      space = block
    }

    /// The end of the whitespace from `start` on. A run is read once, even if many matches that strip
    /// it lie inside it.
    mutating func spaceEnd(_ text: [UInt8], _ start: Int) -> Int {
      if space.contains(start) { return space.upperBound }
      var end = start
      while end < range.upperBound {
        let (scalar, length) = UTF8Text.scalar(text, end)
        guard UnicodeClasses.isWhitespace(scalar) else { break }
        end += length
      }
      space = start..<end
      return end
    }
  }

  private func longest(
    _ text: [UInt8], _ start: Int, _ search: inout Search
  ) -> (token: AddedToken, range: Range<Int>)? {
    let limit = search.range.upperBound
    if let automaton {
      let budget = 64 + Self.slack * (start - search.range.lowerBound)
      if !search.block.contains(start), search.followed > budget {
        search.block = start..<min(limit, start + Self.blockSize)
        search.starts = automaton.starts(text, search.block, limit: limit)
      }
      if search.block.contains(start) {
        let token = Int(search.starts[start - search.block.lowerBound])
        return token < 0 ? nil : (tokens[token], start..<start + lengths[token])
      }
    }
    var node = 0
    var index = start
    var best: (AddedToken, Range<Int>)?
    while index < limit, let next = trie.child(of: node, text[index]) {
      node = next
      index += 1
      if trie.ends[node] >= 0 { best = (tokens[Int(trie.ends[node])], start..<index) }
    }
    search.followed += index - start
    return best
  }

  private func isAlone(_ text: [UInt8], _ found: Range<Int>, _ range: Range<Int>) -> Bool {
    if found.lowerBound > range.lowerBound,
      UnicodeClasses.isWord(UTF8Text.scalar(text, before: found.lowerBound).value)
    {
      return false
    }
    return found.upperBound == range.upperBound
      || !UnicodeClasses.isWord(UTF8Text.scalar(text, found.upperBound).value)
  }
}
