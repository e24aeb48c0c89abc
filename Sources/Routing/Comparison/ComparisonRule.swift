import Evaluation
import Numerics

/// A rule that chooses one of several prompts for each window of a comparison: a routing rule, or a
/// bound to judge routing rules by.
package enum ComparisonRule: String, Sendable, CaseIterable {
  /// A prompt drawn uniformly at random: the result of a choice without information.
  case random
  /// For all windows the one prompt with the lowest NLL over all scored tokens of all texts; known
  /// only in hindsight.
  case bestSingle = "best-single"
  /// The prompt whose routing key the window's first tokens attend to most.
  case keys
  /// The prompt with the lowest NLL over the targets among the window's first tokens.
  case lowestNLL = "lowest-nll"
  /// The prompt whose own rows all tokens of the window attend to most: a choice that sees the
  /// whole text.
  case attention
  /// The prompt whose own rows the window's first tokens attend to most.
  case attentionPart = "attention-part"
  /// The prompt with the lowest NLL over all scored tokens of the window: a bound that no rule can
  /// beat, known only in hindsight.
  case oracle

  /// Whether the choice depends only on the first tokens of a window.
  package var goesByPart: Bool { self == .attentionPart || self == .lowestNLL || self == .keys }

  /// The comparison rule under which a measurement with a router of `rule` is recorded.
  init(_ rule: RoutingRule) {
    self =
      switch rule {
      case .loss: .lowestNLL
      case .keys: .keys
      case .attention: .attention
      }
  }
}

extension PromptComparison {
  /// All rows in the order of the table.
  package var rows: [ComparisonRow] {
    [.without] + names.indices.map { .prompt($0) } + ComparisonRule.allCases.map { .chosen($0) }
  }

  /// The choices of `rule`, per text and window: the index of a prompt, the first among equals.
  package func choices(_ rule: ComparisonRule) -> [[Int]] {
    switch rule {
    case .random:
      var random = SeededGenerator(seed: seed)
      return texts.map { text in text.windows.map { _ in random.below(names.count) } }
    case .bestSingle:
      let best = lowest { prompt in sums(.prompt(prompt)).sum }
      return texts.map { text in text.windows.map { _ in best } }
    case .attention: return texts.map { text in text.windows.map(\.whole) }
    case .attentionPart: return texts.map { text in text.windows.map(\.part) }
    case .keys: return texts.map { text in text.windows.map(\.keys) }
    case .lowestNLL: return lowestPerWindow(1..<part)
    case .oracle: return lowestPerWindow(self.rule.firstTarget..<self.rule.length)
    }
  }

  private func lowestPerWindow(_ targets: Range<Int>) -> [[Int]] {
    texts.map { text in
      text.windows.map { window in
        lowest { prompt in
          window.losses[1 + prompt][(targets.lowerBound - 1)..<(targets.upperBound - 1)]
            .reduce(0.0) { $0 + Double($1) }
        }
      }
    }
  }

  private func lowest(_ value: (Int) -> Double) -> Int {
    let values = names.indices.map(value)
    return values.indices.reduce(0) { values[$1] < values[$0] ? $1 : $0 }
  }

  /// Loss sums over the scored targets of one text, or of all texts in order if `text` is nil.
  /// - Parameter first: the first target of each window to include; nil for all that are scored.
  package func sums(_ row: ComparisonRow, text: Int? = nil, from first: Int? = nil) -> ScoreSums {
    let from = max(rule.firstTarget, first ?? 0)
    var chosen: [[Int]]?
    if case .chosen(let rule) = row { chosen = choices(rule) }
    var sums = ScoreSums()
    for index in texts.indices where text == nil || text == index {
      for (number, window) in texts[index].windows.enumerated() {
        let losses =
          switch row {
          case .without: 0
          case .prompt(let prompt): 1 + prompt
          case .chosen: 1 + (chosen?[index][number] ?? 0)
          }
        sums.add(window.losses[losses][(from - 1)...])
      }
    }
    return sums
  }

  /// Number of windows for which `rule` chose each prompt, in one text, or in all texts if `text`
  /// is nil.
  package func shares(_ rule: ComparisonRule, text: Int? = nil) -> [Int] {
    var counts = [Int](repeating: 0, count: names.count)
    for (index, choices) in choices(rule).enumerated() where text == nil || text == index {
      for choice in choices { counts[choice] += 1 }
    }
    return counts
  }
}
