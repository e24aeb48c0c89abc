/// A regular expression of the kind that tokenizers split by, compiled for a matcher that can't be
/// made to hang.
///
/// Understood: literals, classes, `\s \S \d \D \w \W \p{…}`, groups, `(?i:…)` over ASCII,
/// alternatives, greedy and lazy repeats, and looking ahead at one character (`(?!\S)`, `(?=\s)`),
/// with the meaning they have in Oniguruma, which the reference implementation uses. Everything
/// else is refused by name when the file is read. Without captures and with one-character
/// lookahead, whether a match goes on from a state depends on the state and the place alone, so
/// failed states can be remembered over the whole text: matching is linear in it, whatever the
/// pattern.
package struct Pattern: Sendable {
  enum Instruction: Sendable {
    case character(ScalarSet)
    /// Tries `first`, then `second`; `mark` numbers the choice.
    case choice(first: Int, second: Int, mark: Int)
    case jump(Int)
    case lookahead(ScalarSet, negated: Bool)
    /// `^` and `$` of Oniguruma: at a line's start or end.
    case lineStart
    case lineEnd
    case textStart
    case textEnd
    case match
  }

  let source: String
  let program: [Instruction]
  /// How many choices the program has; at most 64, so that one word holds the failed ones of a
  /// place.
  let choices: Int
}

/// What a pattern's text says.
indirect enum PatternNode: Sendable {
  case set(ScalarSet)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, least: Int, most: Int?, greedy: Bool)
  case lookahead(ScalarSet, negated: Bool)
  case assertion(Pattern.Instruction)

  /// Whether the node can match without consuming anything.
  var canBeEmpty: Bool {
    switch self {
    case .set: false
    case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
    case .alternatives(let nodes): nodes.contains(where: \.canBeEmpty)
    case .repeated(let node, let least, _, _): least == 0 || node.canBeEmpty
    case .lookahead, .assertion: true
    }
  }
}
