/// A backtracking matcher of a pattern in a text: the leftmost match first, alternatives in order.
///
/// At first, failed states aren't remembered. Once matching has taken many more steps than it has
/// advanced bytes, they are, in one word per byte, which bounds all further work.
struct PatternMatcher {
  private let pattern: Pattern
  private let text: [UInt8]
  private let range: Range<Int>
  private var stack: [Frame] = []
  /// A bit for each choice that is known to fail, per position in `range`; empty until needed.
  private var failed: [UInt64] = []
  private var steps = 0

  /// An entry of the backtracking stack.
  private enum Frame {
    case resume(Int, at: Int)
    case failed(mark: Int, at: Int)
  }

  init(_ pattern: Pattern, _ text: [UInt8], _ range: Range<Int>) {
    self.pattern = pattern
    self.text = text
    self.range = range
  }

  /// Calls `body` with the non-overlapping matches in order. As in the reference's iterator, an
  /// empty match directly after another match is skipped.
  mutating func matches(_ body: (Range<Int>) -> Void) {
    var start = range.lowerBound
    var lastEnd: Int?
    while start <= range.upperBound {
      if let end = matchEnd(from: start), !(end == start && lastEnd == end) {
        body(start..<end)
        lastEnd = end
        if end > start {
          start = end
          continue
        }
      }
      start += start < range.upperBound ? UTF8Text.scalar(text, start).length : 1
    }
  }

  /// The end of the match that starts at `start`; nil if there is none.
  mutating func matchEnd(from start: Int) -> Int? {
    stack.removeAll(keepingCapacity: true)
    var counter = 0
    var at = start
    while true {
      steps += 1
      if failed.isEmpty, steps > 4096 + 64 * (start - range.lowerBound) { remember() }
      var lives = true
      switch pattern.program[counter] {
      case .match: return at
      case .jump(let target): counter = target
      case .character(let set):
        lives = false
        if at < range.upperBound {
          let (scalar, length) = UTF8Text.scalar(text, at)
          if set.contains(scalar) {
            lives = true
            at += length
            counter += 1
          }
        }
      case .lookahead(let set, let negated):
        let holds = at < range.upperBound && set.contains(UTF8Text.scalar(text, at).value)
        lives = holds != negated
        counter += 1
      case .lineStart:
        lives = at == range.lowerBound || (text[at - 1] == 0x0A && at < range.upperBound)
        counter += 1
      case .lineEnd:
        lives = at == range.upperBound || text[at] == 0x0A
        counter += 1
      case .textStart:
        lives = at == range.lowerBound
        counter += 1
      case .textEnd:
        lives = at == range.upperBound
        counter += 1
      case .choice(let first, let second, let mark):
        if !failed.isEmpty {
          let bit = UInt64(1) << UInt64(mark)
          if failed[at - range.lowerBound] & bit != 0 {
            lives = false
          } else {
            stack.append(.failed(mark: mark, at: at))
          }
        }
        if lives {
          stack.append(.resume(second, at: at))
          counter = first
        }
      }
      if !lives {
        guard let (resumed, place) = backtrack() else { return nil }
        counter = resumed
        at = place
      }
    }
  }

  /// The next untried choice; states whose choices have all been tried are recorded as failed.
  private mutating func backtrack() -> (Int, Int)? {
    while let frame = stack.popLast() {
      switch frame {
      case .resume(let counter, let at): return (counter, at)
      case .failed(let mark, let at): failed[at - range.lowerBound] |= 1 << UInt64(mark)
      }
    }
    return nil
  }

  /// Starts to remember failed states.
  private mutating func remember() {
    failed = [UInt64](repeating: 0, count: range.count + 1)
  }
}
