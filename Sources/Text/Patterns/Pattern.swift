/// A tokenizer's regular expression, compiled for a matcher that runs in linear time.
///
/// The syntax consists of literals, classes, `\s \S \d \D \w \W \p{…}`, groups, `(?i:…)` over
/// ASCII, alternatives, greedy and lazy repeats, and one-character lookahead (`(?!\S)`, `(?=\s)`),
/// with the semantics of Oniguruma, which the reference implementation uses. Everything else is
/// refused by name when the file is read.
///
/// Without captures and with one-character lookahead, whether a state leads to a match depends only
/// on the state and the position. Failed states can therefore be remembered over the whole text,
/// which makes matching linear in its length for any pattern.
package struct Pattern: Sendable {
  /// An instruction of the matcher's program.
  enum Instruction: Sendable {
    case character(ScalarSet)
    /// Tries `first`, then `second`; `mark` numbers the choice.
    case choice(first: Int, second: Int, mark: Int)
    case jump(Int)
    case lookahead(ScalarSet, negated: Bool)
    /// Oniguruma's `^`: the start of a line.
    case lineStart
    /// Oniguruma's `$`: the end of a line.
    case lineEnd
    case textStart
    case textEnd
    case match
  }

  let source: String
  let program: [Instruction]
  /// Number of choices in the program; at most 64, so that one word holds a position's failed ones.
  let choices: Int
}

/// A node of a pattern's syntax tree.
indirect enum PatternNode: Sendable {
  case set(ScalarSet)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, least: Int, most: Int?, greedy: Bool)
  case lookahead(ScalarSet, negated: Bool)
  case assertion(Pattern.Instruction)

  /// Whether the node can match the empty text.
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
