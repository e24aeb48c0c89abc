import Bytes

/// A token that is matched in a text before the text is split.
struct AddedToken: Sendable {
  /// The id in the file, then the one that the token gets.
  var id: Int32
  let content: [UInt8]
  let isSpecial: Bool
  /// Whether a match includes the whitespace before it.
  let stripsLeft: Bool
  /// Whether a match includes the whitespace after it.
  let stripsRight: Bool
  /// Whether a match requires that no word character is adjacent.
  let isSingleWord: Bool
  /// Whether the normalized content is matched in the normalized text.
  let isNormalized: Bool

  /// Longest content of an added token, in bytes.
  static let longestContent = 1024

  init(_ place: JSONPlace) throws(Failure) {
    let number = try place.required("id")
    guard let id = Int32(exactly: try number.integer()), id >= 0 else {
      throw number.failure("\(try number.integer()) can't be a token id")
    }
    self.id = id
    let content = try place.required("content")
    self.content = Array(try content.string().utf8)
    guard self.content.count <= Self.longestContent else {
      throw content.failure("has \(self.content.count) bytes; at most 1024 are supported")
    }
    isSpecial = try place.flag("special", default: false)
    stripsLeft = try place.flag("lstrip", default: false)
    stripsRight = try place.flag("rstrip", default: false)
    isSingleWord = try place.flag("single_word", default: false)
    isNormalized = try place.flag("normalized", default: !isSpecial)
  }
}

/// A trie of added tokens that finds the leftmost match, the longest at each position.
struct AddedTokenFinder: Sendable {
  private let tokens: [AddedToken]
  /// A map from `node << 8 | byte` to the next node; node 0 is the root.
  private var edges = PairTable()
  /// The index of the token that ends at each node, or -1.
  private var ends: [Int32] = [-1]
  private var firstBytes = [Bool](repeating: false, count: 256)

  struct Match {
    let token: Int32
    let range: Range<Int>
  }

  /// - Parameter spellings: The text to match for each token; an empty one never matches.
  init(_ tokens: [AddedToken], spellings: [[UInt8]]) {
    self.tokens = tokens
    for (index, spelling) in spellings.enumerated() where !spelling.isEmpty {
      var node: UInt64 = 0
      for byte in spelling {
        let edge = node << 8 | UInt64(byte)
        if let found = edges.find(edge) {
          node = found
        } else {
          node = UInt64(ends.count)
          ends.append(-1)
          edges.set(edge, node)
        }
      }
      if ends[Int(node)] < 0 { ends[Int(node)] = Int32(truncatingIfNeeded: index) }
      firstBytes[Int(spelling[0])] = true
    }
  }

  var isEmpty: Bool { ends.count == 1 }

  /// The matches in `text[range]` in order, including the whitespace that they strip.
  func matches(_ text: [UInt8], _ range: Range<Int>) -> [Match] {
    if isEmpty { return [] }
    var matches: [Match] = []
    var index = range.lowerBound
    var taken = range.lowerBound
    while index < range.upperBound {
      guard firstBytes[Int(text[index])],
        let (token, found) = longest(text, index, range.upperBound)
      else {
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
      if token.stripsRight {
        while end < range.upperBound {
          let (scalar, length) = UTF8Text.scalar(text, end)
          guard UnicodeClasses.isWhitespace(scalar) else { break }
          end += length
        }
      }
      matches.append(Match(token: token.id, range: start..<end))
      taken = end
    }
    return matches
  }

  private func longest(
    _ text: [UInt8], _ start: Int, _ limit: Int
  ) -> (token: AddedToken, range: Range<Int>)? {
    var node: UInt64 = 0
    var index = start
    var best: (AddedToken, Range<Int>)?
    while index < limit, let next = edges.find(node << 8 | UInt64(text[index])) {
      node = next
      index += 1
      if ends[Int(node)] >= 0 { best = (tokens[Int(ends[Int(node)])], start..<index) }
    }
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
