import Bytes

/// The items on which two models' answers differ, with direction, under one metric (arXiv 2407.09141).
package struct TaskFlips: Sendable, Equatable {
  /// An item with both answers: a choice's number, or a generated text.
  package struct Item: Sendable, Equatable {
    /// The row's number, from 1.
    package let row: Int
    package let from: Answer
    package let to: Answer

    package init(row: Int, from: Answer, to: Answer) {
      (self.row, self.from, self.to) = (row, from, to)
    }
  }

  package enum Answer: Sendable, Equatable {
    case choice(Int)
    case text(String)
    /// One continuation, whose tokens are all the likeliest or not.
    case isGreedy(Bool)

    package var json: JSON {
      switch self {
      case .choice(let index): JSON(index)
      case .text(let text): .string(text)
      case .isGreedy(let isGreedy): .bool(isGreedy)
      }
    }
  }

  package let metric: TaskDescription.Metric
  package private(set) var rightToWrong: [Item] = []
  package private(set) var wrongToRight: [Item] = []
  /// Wrong answers that became other wrong ones. Of one continuation nothing else is known than that
  /// it is wrong, so there are none.
  package private(set) var wrongToWrong: [Item] = []

  /// McNemar's exact two-sided p-value.
  package var pValue: Double {
    McNemar.pValue(gained: wrongToRight.count, lost: rightToWrong.count)
  }

  /// Compares the answers `to` with the answers `from`.
  /// - Throws: `usage` if they aren't of the same rows.
  package init(
    _ metric: TaskDescription.Metric, from: [TaskOutcome], to: [TaskOutcome]
  ) throws(Failure) {
    guard from.map(\.row) == to.map(\.row) else {
      throw Failure(
        .usage, "the two results are of \(from.count) and \(to.count) rows, or of different ones",
        advice: "measure both on the same rows")
    }
    self.metric = metric
    for (before, after) in zip(from, to) {
      let item = Item(row: before.row, from: before.answered(metric), to: after.answered(metric))
      switch (before.right.contains(metric), after.right.contains(metric)) {
      case (true, false): rightToWrong.append(item)
      case (false, true): wrongToRight.append(item)
      case (false, false): if item.from != item.to { wrongToWrong.append(item) }
      case (true, true): break
      }
    }
  }
}

extension TaskOutcome {
  /// The answer that a metric judges.
  func answered(_ metric: TaskDescription.Metric) -> TaskFlips.Answer {
    if let generated { return .text(generated) }
    switch metric {
    case .accuracy where logLikelihoods.count > 1: return .choice(chosen ?? 0)
    case .normalizedAccuracy: return .choice(chosenNormalized ?? 0)
    default: return .isGreedy(isGreedy ?? false)
    }
  }
}
