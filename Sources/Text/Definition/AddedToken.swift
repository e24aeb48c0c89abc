import Bytes

/// A token that is found in the text as it is, before anything else looks at it.
struct AddedToken: Sendable {
  let id: Int32
  let content: [UInt8]
  let isSpecial: Bool
  /// Takes the whitespace before or after it along.
  let stripsLeft: Bool
  let stripsRight: Bool
  /// Counts only where no word character is beside it.
  let isSingleWord: Bool
  /// Looked for in the normalized text, by its normalized content.
  let isNormalized: Bool

  static let longestContent = 1024

  init(_ place: JSONPlace) throws(Failure) {
    let number = try place.required("id")
    guard let id = Int32(exactly: try number.integer()), id >= 0 else {
      throw number.failure("\(try number.integer()) can't be a token's id")
    }
    self.id = id
    let content = try place.required("content")
    self.content = Array(try content.string().utf8)
    guard self.content.count <= Self.longestContent else {
      throw content.failure("an added token of \(self.content.count) bytes; at most 1024 are taken")
    }
    isSpecial = try place.flag("special", default: false)
    stripsLeft = try place.flag("lstrip", default: false)
    stripsRight = try place.flag("rstrip", default: false)
    isSingleWord = try place.flag("single_word", default: false)
    isNormalized = try place.flag("normalized", default: !isSpecial)
  }
}

/// Finds added tokens in text: the leftmost first, of those that start at one place the longest.
struct AddedTokenFinder: Sendable {
  private let tokens: [AddedToken]
  /// `node << 8 | byte` to the next node; node 0 is the root.
  private var edges = PairTable()
  /// The token that ends at each node, as an index, or -1.
  private var ends: [Int32] = [-1]
  private var firstBytes = [Bool](repeating: false, count: 256)

  struct Match {
    let token: Int32
    let range: Range<Int>
  }

  /// `spellings`: what to look for in place of each token's content; empty ones are never found.
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

  /// The tokens in `text[range]`, with the whitespace they take along; in the order of the text.
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
