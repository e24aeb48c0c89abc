import Bytes

/// The pattern of a Split or Replace: a literal text, a regular expression with a hand-written
/// splitter, or any other regular expression.
package enum TextPattern: Sendable {
  case text([UInt8])
  case known(KnownSplitter)
  case general(Pattern)

  package init(regularExpression source: String) throws(Failure) {
    if let known = KnownSplitter(pattern: source) {
      self = .known(known)
    } else {
      self = .general(try Pattern(source))
    }
  }

  /// Reads `{"String": …}` or `{"Regex": …}`.
  init(_ place: JSONPlace) throws(Failure) {
    if let text = place.optional("String") {
      self = .text(Array(try text.string().utf8))
    } else if let expression = place.optional("Regex") {
      do {
        try self.init(regularExpression: expression.string())
      } catch {
        throw expression.placed(error)
      }
    } else {
      throw place.failure("expected {\"String\": …} or {\"Regex\": …}")
    }
  }

  /// Calls `body` with the non-overlapping matches in `range`, in order; an empty literal has none.
  package func matches(_ text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    switch self {
    case .text(let wanted): Self.occurrences(of: wanted, in: text, range, body)
    case .known(let splitter):
      var start = range.lowerBound
      while start < range.upperBound {
        let end = splitter.end(text, start, range.upperBound)
        body(start..<end)
        start = end
      }
    case .general(let pattern):
      var matcher = PatternMatcher(pattern, text, range)
      matcher.matches(body)
    }
  }

  /// Finds a literal in linear time by the Knuth-Morris-Pratt algorithm.
  private static func occurrences(
    of wanted: [UInt8], in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) {
    // A longer text than the range has no match, and preparing for it would take longer than the range.
    guard !wanted.isEmpty, wanted.count <= range.count else { return }
    var borders = [0]
    var length = 0
    for index in 1..<max(wanted.count, 1) {
      while length > 0, wanted[index] != wanted[length] { length = borders[length - 1] }
      if wanted[index] == wanted[length] { length += 1 }
      borders.append(length)
    }
    length = 0
    for index in range {
      while length > 0, text[index] != wanted[length] { length = borders[length - 1] }
      if text[index] == wanted[length] { length += 1 }
      if length == wanted.count {
        body(index + 1 - length..<index + 1)
        length = 0
      }
    }
  }
}
