/// The reference's five behaviors of a split.
extension PreTokenizers {
  /// Splits `range` at `matches` and passes the pieces to the next step.
  func pass<Sink: PieceSink>(
    _ text: [UInt8], _ range: Range<Int>, _ matches: [Range<Int>],
    _ behavior: PreTokenizer.Behavior, _ inverted: Bool, _ isFirst: Bool, _ step: Int,
    _ sink: inout Sink
  ) {
    for piece in Self.pieces(range, matches, behavior, inverted) {
      let first = isFirst && piece.lowerBound == range.lowerBound
      split(text, piece, isFirst: first, from: step + 1, into: &sink)
    }
  }

  /// The pieces of `range`, including empty ones, which the caller drops.
  static func pieces(
    _ range: Range<Int>, _ matches: [Range<Int>], _ behavior: PreTokenizer.Behavior,
    _ inverted: Bool
  ) -> [Range<Int>] {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    parts.reserveCapacity(matches.count * 2 + 1)
    var end = range.lowerBound
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
      parts.append((match, !inverted))
      end = match.upperBound
    }
    if end < range.upperBound { parts.append((end..<range.upperBound, inverted)) }

    var pieces: [Range<Int>] = []
    pieces.reserveCapacity(parts.count)
    switch behavior {
    case .isolated: pieces = parts.map(\.range)
    case .removed: pieces = parts.filter { !$0.isMatch }.map(\.range)
    case .contiguous:
      var previous = false
      for part in parts {
        if part.isMatch == previous, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
    case .mergedWithPrevious:
      var previous = false
      for part in parts {
        if part.isMatch, !previous, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
    case .mergedWithNext:
      var previous = false
      for part in parts.reversed() {
        if part.isMatch, !previous, let last = pieces.popLast() {
          pieces.append(part.range.lowerBound..<last.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
      pieces.reverse()
    }
    return pieces
  }
}
