import Models
import Numerics

/// What stands before the windows of a comparison.
package enum PromptPick: Hashable, Sendable {
  /// No prompt.
  case without
  /// The prompt of this number before every window.
  case prompt(Int)
  /// One for each window.
  case chosen(PromptRule)
}

/// A way to choose one of several prompts for a window.
package enum PromptRule: String, Sendable, CaseIterable {
  /// Each equally likely.
  case random
  /// The one prompt with the lowest NLL over all scored tokens of all texts, for all windows; known
  /// only afterwards.
  case bestSingle = "best-single"
  /// The one whose routing key the window's first tokens attend to most.
  case keys
  /// The lowest NLL over the targets among the window's first tokens, in one pass per prompt.
  case lowestNLL = "lowest-nll"
  /// The one whose own rows are attended to most, all tokens of the window deciding: a choice made with the
  /// text at hand.
  case attention
  /// The same, the window's first tokens deciding.
  case attentionPart = "attention-part"
  /// The lowest NLL over all scored tokens of the window: the bound that no choice can pass, known
  /// only afterwards.
  case oracle

  /// Whether the choice goes by the first tokens of a window alone.
  package var goesByPart: Bool { self == .attentionPart || self == .lowestNLL || self == .keys }

  /// What a measurement with `--prompt auto` is called.
  init(_ rule: PromptRouting.Rule) {
    self =
      switch rule {
      case .loss: .lowestNLL
      case .keys: .keys
      case .attention: .attention
      }
  }
}

extension PromptComparison {
  /// All rows of a comparison, in the order of a table.
  package var picks: [PromptPick] {
    [.without] + names.indices.map { .prompt($0) } + PromptRule.allCases.map { .chosen($0) }
  }

  /// What `rule` chooses: per text, per window the number of a prompt. Among equals the first.
  package func choices(_ rule: PromptRule) -> [[Int]] {
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

  /// Sums over the scored targets of a text (nil: of all texts, one after the other), from target
  /// `first` of each window on (nil: all that are scored).
  package func sums(_ pick: PromptPick, text: Int? = nil, from first: Int? = nil) -> ScoreSums {
    let from = max(rule.firstTarget, first ?? 0)
    var chosen: [[Int]]?
    if case .chosen(let rule) = pick { chosen = choices(rule) }
    var sums = ScoreSums()
    for index in texts.indices where text == nil || text == index {
      for (number, window) in texts[index].windows.enumerated() {
        let row =
          switch pick {
          case .without: 0
          case .prompt(let prompt): 1 + prompt
          case .chosen: 1 + (chosen?[index][number] ?? 0)
          }
        sums.add(window.losses[row][(from - 1)...])
      }
    }
    return sums
  }

  /// Windows of a text (nil: of all) per prompt.
  package func shares(_ rule: PromptRule, text: Int? = nil) -> [Int] {
    var counts = [Int](repeating: 0, count: names.count)
    for (index, choices) in choices(rule).enumerated() where text == nil || text == index {
      for choice in choices { counts[choice] += 1 }
    }
    return counts
  }
}
